import { createServer, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { sleep } from "@sandlot/lifetime";

export type GrpcServer = AsyncDisposable & { readonly host: string; readonly port: number };

/** gRPC and Connect over cleartext HTTP/2; `GET /health` answers there too. Calls get five seconds to end at disposal. */
export async function startGrpcServer(
  at: { host: string; port: number },
  routes: (router: ConnectRouter) => void,
): Promise<GrpcServer> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(
    {},
    connectNodeAdapter({
      routes,
      fallback: answerHealth as Parameters<typeof connectNodeAdapter>[0]["fallback"] & object,
    }),
  );
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => undefined); // a peer that resets its connection is its own affair
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(at.port, at.host, () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: at.host,
    port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      await Promise.race([closed, sleep(5_000)]);
      for (const session of sessions) session.destroy();
    },
  };
}

function answerHealth(request: Http2ServerRequest, response: Http2ServerResponse): void {
  const found = request.url === "/health";
  response.writeHead(found ? 200 : 404, { "content-type": "text/plain" });
  response.end(found ? "ok" : "not found");
}
