import { templateRoutes } from "@sandlot/builder";
import { ServiceInfoStatus } from "@sandlot/contracts/info";
import { type SandboxProxy as FrontProxy, startProxy } from "@sandlot/proxy";
import type { Logger } from "@sandlot/telemetry";
import { startBuilder } from "./builds/start-builder";
import type { OrchestratorConfig } from "./config";
import { type HostParts, startHost } from "./host";
import { decide } from "./proxy/decide";
import { startGrpcServer } from "./routes/grpc-server";
import { nodeRoutes } from "./routes/service";
import { type Node, startNode } from "./start-node";

export type Orchestrator = AsyncDisposable & { readonly grpcPort: number; readonly proxyPort: number };

/**
 * Starts the node's service. Resolves once the machines of earlier runs are taken over and both doors are open.
 * Disposing closes the doors and lets every sandbox live on.
 * @param host a runtime and a network that replace this host's own, for tests
 */
export async function startOrchestrator(
  config: OrchestratorConfig,
  parts: { logger: Logger; host?: HostParts },
): Promise<Orchestrator> {
  const { logger } = parts;
  await using held = new AsyncDisposableStack();
  const host = parts.host ?? held.use(await startHost(config, logger));
  // The proxy needs the node to find sandboxes, the node needs the proxy to cut their traffic.
  const doors: { proxy?: FrontProxy } = {};
  const node: Node = held.use(
    await startNode(config, { logger, ...host, cutTraffic: (machineId) => doors.proxy?.cut(machineId) }),
  );
  doors.proxy = held.use(
    startProxy(
      { listenHost: config.listenHost, listenPort: config.proxyPort },
      {
        logger: logger.room("proxy"),
        decide: (request) =>
          decide(
            {
              reach: (sandboxId) => node.parts.sandboxes.reach(sandboxId),
              find: (sandboxId) => node.parts.sandboxes.find(sandboxId),
              nowMs: Date.now,
              connectionsPerSandbox: config.connectionsPerSandbox,
              isHealthy: () => node.parts.status === ServiceInfoStatus.Healthy,
            },
            request,
          ),
      },
    ),
  );
  const serveNode = nodeRoutes(node.parts, logger.room("grpc"));
  const builder = config.services.includes("template-manager")
    ? held.use(
        await startBuilder(config, {
          machines: node.parts.buildMachines,
          artifacts: host.artifacts,
          logger: logger.room("builds"),
        }),
      )
    : undefined;
  const grpc = held.use(
    await startGrpcServer({ host: config.listenHost, port: config.grpcPort }, (router) => {
      serveNode(router);
      if (builder !== undefined) templateRoutes(builder.routes)(router);
    }),
  );
  logger.info("orchestrator ready", {
    grpcPort: grpc.port,
    proxyPort: doors.proxy.port,
    sandboxes: node.parts.sandboxes.list().length,
    warm: node.warm.readyCount,
  });
  const whole = held.move();
  return {
    grpcPort: grpc.port,
    proxyPort: doors.proxy.port,
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  };
}
