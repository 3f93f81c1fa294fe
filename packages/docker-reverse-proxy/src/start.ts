import { openDatabase } from "@sandlot/db";
import { systemClock } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import type { DockerReverseProxyConfig } from "./config";
import { BODY_BYTES } from "./limits";
import { serve } from "./serve";
import { Tokens } from "./tokens";

export type DockerReverseProxy = AsyncDisposable & { readonly port: number };

/** Disposing of it cuts open pushes: clients try those again. */
export async function startDockerReverseProxy(
  config: DockerReverseProxyConfig,
  { logger }: { logger: Logger },
): Promise<DockerReverseProxy> {
  await using held = new AsyncDisposableStack();
  const db = held.use(openDatabase({ connectionString: config.postgresUrl }));
  const parts = { config, db, tokens: new Tokens(systemClock), logger };
  const server = Bun.serve({
    hostname: config.listenHost,
    port: config.port,
    idleTimeout: 0, // the registry behind may take its time over a large layer
    maxRequestBodySize: BODY_BYTES,
    fetch: (request) => serve(parts, request),
  });
  held.defer(async () => await server.stop(true));
  logger.info("docker-reverse-proxy takes pushes", { port: server.port, registry: config.registryUrl });
  const service = held.move();
  return { port: server.port ?? config.port, [Symbol.asyncDispose]: async () => await service.disposeAsync() };
}
