import type { ConnectRouter } from "@connectrpc/connect";
import { InfoService } from "@sandlot/contracts/info";
import { SandboxService } from "@sandlot/contracts/orchestrator";
import { Fault } from "@sandlot/faults";
import { toConnect } from "@sandlot/faults/wire";
import type { Logger } from "@sandlot/telemetry";
import { checkpointSandboxRoute } from "./checkpoint-sandbox";
import { createSandboxRoute } from "./create-sandbox";
import { deleteBuildsRoute } from "./delete-builds";
import { deleteSandboxRoute } from "./delete-sandbox";
import { Health, healthRoutes } from "./grpc-health";
import { listEgressRoute } from "./list-egress";
import { listSandboxesRoute } from "./list-sandboxes";
import type { NodeParts } from "./node-parts";
import { observeSandboxesRoute } from "./observe-sandboxes";
import { pauseSandboxRoute } from "./pause-sandbox";
import { overrideStatusRoute, serviceInfoRoute } from "./service-info";
import { updateSandboxRoute } from "./update-sandbox";

/** All of the node's gRPC services on one router. */
export function nodeRoutes(parts: NodeParts, logger: Logger): (router: ConnectRouter) => void {
  const guarded =
    <A extends readonly unknown[], R>(route: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await route(...args);
      } catch (thrown) {
        if (!(thrown instanceof Fault)) logger.error("a call failed unexpectedly", { thrown });
        throw toConnect(thrown);
      }
    };
  return (router) => {
    router.service(SandboxService, {
      create: guarded(createSandboxRoute(parts)),
      update: guarded(updateSandboxRoute(parts)),
      list: guarded(listSandboxesRoute(parts)),
      delete: guarded(deleteSandboxRoute(parts)),
      pause: guarded(pauseSandboxRoute(parts)),
      checkpoint: guarded(checkpointSandboxRoute(parts)),
      deleteBuilds: guarded(deleteBuildsRoute(parts)),
      listEgress: guarded(listEgressRoute(parts)),
      observe: guarded(observeSandboxesRoute(parts)),
    });
    router.service(InfoService, {
      serviceInfo: guarded(serviceInfoRoute(parts)),
      serviceStatusOverride: guarded(overrideStatusRoute(parts)),
    });
    router.service(Health, healthRoutes(parts));
  };
}
