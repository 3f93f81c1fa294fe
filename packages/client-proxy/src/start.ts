import { sleep, systemClock } from "@sandlot/lifetime";
import { startNameServer } from "@sandlot/names";
import { startProxy } from "@sandlot/proxy";
import { startSsh } from "@sandlot/ssh";
import { openState } from "@sandlot/state";
import type { Logger } from "@sandlot/telemetry";
import type { ClientProxyConfig } from "./config";
import { startEdge } from "./edge";
import { startHealth } from "./health";
import { openApiClient, openAuthorizer, openResumer } from "./resume";
import { type RouteParts, route } from "./route";
import { openSignerFinder } from "./signed-url";

/** Disposing of it drains first: see `drainWaitMs` and `drainMaxMs`. */
export type ClientProxy = AsyncDisposable & {
  readonly proxyPort: number;
  readonly tlsPort: number | undefined;
  readonly sshPort: number | undefined;
  readonly healthPort: number;
};

export async function startClientProxy(config: ClientProxyConfig, parts: { logger: Logger }): Promise<ClientProxy> {
  const { logger } = parts;
  await using held = new AsyncDisposableStack();
  const state = held.use(openState({ redisUrl: config.redisUrl }));
  const client = openApiClient(config.apiAddress);
  const routeParts: RouteParts = {
    catalog: state.catalog,
    resume: openResumer(client),
    orchestratorProxyPort: config.orchestratorProxyPort,
    findSigner: config.findsSigners ? openSignerFinder({ client, clock: systemClock }) : undefined,
  };
  const { listenHost, domain } = config;
  const proxy = held.use(
    startProxy(
      { listenHost: config.listenHost, listenPort: config.proxyPort },
      { logger: logger.room("proxy"), decide: (request) => route(routeParts, request, false) },
    ),
  );
  const edge =
    config.edge === undefined
      ? undefined
      : held.use(
          await startEdge(
            { ...config.edge, listenHost, domain },
            { logger: logger.room("edge"), route: (request) => route(routeParts, request, true) },
          ),
        );
  if (config.nameServer !== undefined) {
    const { port, ...names } = config.nameServer;
    held.use(await startNameServer({ ...names, listenPort: port, domain }));
  }
  const ssh =
    config.ssh === undefined
      ? undefined
      : held.use(
          await startSsh(
            {
              listenHost,
              listenPort: config.ssh.port,
              hostKeyPath: config.ssh.hostKeyPath,
              proxyUrl: `http://${reachable(listenHost)}:${proxy.port}`,
            },
            { authorize: openAuthorizer(client), logger: logger.room("ssh") },
          ),
        );
  let isDraining = false;
  const health = held.use(
    startHealth({ listenHost: config.healthListenHost, listenPort: config.healthPort, isDraining: () => isDraining }),
  );
  const ports = { proxyPort: proxy.port, tlsPort: edge?.proxy.port, sshPort: ssh?.port, healthPort: health.port };
  logger.info("client-proxy takes requests", ports);
  const service = held.move();
  return {
    ...ports,
    async [Symbol.asyncDispose]() {
      if (isDraining) return;
      isDraining = true;
      await sleep(config.drainWaitMs);
      const signal = AbortSignal.timeout(config.drainMaxMs);
      await Promise.all([proxy.drain(signal), edge?.proxy.drain(signal)]).catch(() => {
        logger.warn("cut requests that did not end in time");
      });
      await service.disposeAsync();
      logger.info("client-proxy has ended");
    },
  };
}

/** Where a listener is reached from beside it. */
function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
