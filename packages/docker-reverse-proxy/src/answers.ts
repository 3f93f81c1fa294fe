/** Answers in the registry protocol's form. */
import { isFault } from "@sandlot/faults";
import { httpStatusOf } from "@sandlot/faults/wire";
import { REALM_PATH } from "./limits";

const VERSION = { "docker-distribution-api-version": "registry/2.0" };

/** Sends the client to our token server, by the name and the TLS by which it came. */
export function challenge(publicUrl: string, request: Request): Response {
  const realm = `${publicUrl === "" ? cameBy(request) : publicUrl.replace(/\/$/, "")}${REALM_PATH}`;
  const body = { errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] };
  return Response.json(body, {
    status: 401,
    headers: { ...VERSION, "www-authenticate": `Bearer realm="${realm}",service="${new URL(realm).host}"` },
  });
}

function cameBy(request: Request): string {
  const { host, protocol } = new URL(request.url);
  const isTls = request.headers.get("x-forwarded-proto") === "https" || protocol === "https:";
  return `${isTls ? "https" : "http"}://${host}`;
}

export function known(): Response {
  return Response.json({}, { headers: VERSION });
}

/** Undefined for what is no planned failure. */
export function refusal(thrown: unknown): Response | undefined {
  if (!isFault(thrown)) return undefined;
  const status = httpStatusOf(thrown.kind);
  const code = status === 403 ? "DENIED" : status === 400 ? "UNSUPPORTED" : "UNKNOWN";
  return Response.json({ errors: [{ code, message: thrown.message }] }, { status, headers: VERSION });
}
