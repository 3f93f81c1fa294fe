/** The listening half of the REST surface. */

import { toHttp } from "@sandlot/faults/wire";
import type { Hono } from "hono";
import { apiFaults } from "../faults";
import { limits } from "../limits";

export type WebServer = AsyncDisposable & { readonly url: string };

export function serve(of: { app: Hono; host: string; port: number }): WebServer {
  const server = Bun.serve({
    hostname: of.host,
    port: of.port,
    // Above ours, so that the refusal is our JSON and not the server's empty one; uploads stream and have their own bound.
    maxRequestBodySize: limits.uploadBytes * 2,
    idleTimeout: limits.idleSeconds,
    fetch: (request) => of.app.fetch(request),
    error: () => {
      const { status, body } = toHttp(apiFaults.invalid({ problem: "the request could not be read" }));
      return Response.json(body, { status });
    },
  });
  return {
    url: `http://${of.host}:${server.port}`,
    async [Symbol.asyncDispose]() {
      // Requests in flight may end; those that do not are cut.
      const cut = setTimeout(() => void server.stop(true), limits.drainMs);
      await server.stop();
      clearTimeout(cut);
    },
  };
}
