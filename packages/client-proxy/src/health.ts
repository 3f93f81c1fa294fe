/** `/` and `/health`: 200 while requests are taken, 503 once the service is about to end. */
export function startHealth(of: {
  listenHost: string;
  listenPort: number;
  isDraining: () => boolean;
}): AsyncDisposable & {
  readonly port: number;
} {
  const server = Bun.serve({
    hostname: of.listenHost,
    port: of.listenPort,
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname !== "/" && pathname !== "/health") return new Response("not found", { status: 404 });
      return of.isDraining() ? new Response("draining", { status: 503 }) : new Response("ok");
    },
  });
  return {
    port: server.port as number,
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
}
