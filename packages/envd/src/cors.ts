/** Any origin may call; browsers may read what Connect and gRPC-Web clients need. */

const EXPOSED = [
  "Connect-Content-Encoding",
  "Connect-Accept-Encoding",
  "Content-Disposition",
  "Grpc-Status",
  "Grpc-Message",
  "Grpc-Status-Details-Bin",
  "X-E2B-Legacy-SDK",
  "Location",
  "Vary",
  "ETag",
  "Content-Range",
  "Last-Modified",
].join(", ");

const PREFLIGHT_SECONDS = 7200;

/** A browser asking whether it may; answered without the token, which it cannot send here. */
export function isPreflight(request: Request): boolean {
  return request.method === "OPTIONS" && request.headers.has("access-control-request-method");
}

export function withCors(response: Response, request: Request): Response {
  if (!request.headers.has("origin")) return response;
  const { headers } = response;
  headers.set("access-control-allow-origin", "*");
  headers.set("access-control-expose-headers", EXPOSED);
  if (request.method === "OPTIONS") {
    headers.set("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
    headers.set("access-control-allow-headers", request.headers.get("access-control-request-headers") ?? "*");
    headers.set("access-control-max-age", String(PREFLIGHT_SECONDS));
  }
  return response;
}
