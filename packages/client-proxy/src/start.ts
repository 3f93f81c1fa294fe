import { sleep } from "@sandlot/lifetime";
import { startProxy } from "@sandlot/proxy";
import { openState } from "@sandlot/state";
import type { Logger } from "@sandlot/telemetry";
import type { ClientProxyConfig } from "./config";
import { startHealth } from "./health";
import { openResumer } from "./resume";
import { route } from "./route";

/** Disposing of it drains first: see `drainWaitMs` and `drainMaxMs`. */
export type ClientProxy = AsyncDisposable & { readonly proxyPort: number; readonly healthPort: number };

export async function startClientProxy(config: ClientProxyConfig, parts: { logger: Logger }): Promise<ClientProxy> {
  const { logger } = parts;
  await using held = new AsyncDisposableStack();
  const state = held.use(openState({ redisUrl: config.redisUrl }));
  const resume = openResumer(config.apiAddress);
  const routeParts = { catalog: state.catalog, resume, orchestratorProxyPort: config.orchestratorProxyPort };
  const proxy = held.use(
    startProxy(
      { listenHost: config.listenHost, listenPort: config.proxyPort },
      { logger: logger.room("proxy"), decide: (request) => route(routeParts, request) },
    ),
  );
  let isDraining = false;
  const health = held.use(
    startHealth({ listenHost: config.healthListenHost, listenPort: config.healthPort, isDraining: () => isDraining }),
  );
  logger.info("client-proxy takes requests", { proxyPort: proxy.port, healthPort: health.port });
  const service = held.move();
  return {
    proxyPort: proxy.port,
    healthPort: health.port,
    async [Symbol.asyncDispose]() {
      if (isDraining) return;
      isDraining = true;
      await sleep(config.drainWaitMs);
      await proxy.drain(AbortSignal.timeout(config.drainMaxMs)).catch(() => {
        logger.warn("cut requests that did not end in time");
      });
      await service.disposeAsync();
      logger.info("client-proxy has ended");
    },
  };
}
