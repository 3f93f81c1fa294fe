/** The handler table: every built operation of the contract, by its id. */
import type { Handlers } from "../http/handlers";
import type { SandboxParts } from "../sandboxes/parts";
import { connectSandbox, connectSandboxV2 } from "./connect-sandbox";
import { createSandbox, createSandboxV2 } from "./create-sandbox";
import { getHealth } from "./get-health";
import { getSandbox } from "./get-sandbox";
import { getTemplateAlias } from "./get-template-alias";
import { killSandboxRoute } from "./kill-sandbox";
import { listRunningSandboxes } from "./list-running-sandboxes";
import { listSandboxes } from "./list-sandboxes";
import { listTemplates } from "./list-templates";
import { refreshSandbox } from "./refresh-sandbox";
import { setSandboxTimeout } from "./set-sandbox-timeout";
import { updateSandboxNetwork } from "./update-sandbox-network";

export function handlersOf(parts: SandboxParts & { isDraining: () => boolean }): Handlers {
  return {
    getHealth: getHealth(parts),
    createSandbox: createSandbox(parts),
    createSandboxV2: createSandboxV2(parts),
    listRunningSandboxes: listRunningSandboxes(parts),
    listSandboxes: listSandboxes(parts),
    getSandbox: getSandbox(parts),
    killSandbox: killSandboxRoute(parts),
    connectSandbox: connectSandbox(parts),
    connectSandboxV2: connectSandboxV2(parts),
    setSandboxTimeout: setSandboxTimeout(parts),
    refreshSandbox: refreshSandbox(parts),
    updateSandboxNetwork: updateSandboxNetwork(parts),
    listTemplates: listTemplates(parts),
    getTemplateAlias: getTemplateAlias(parts),
  };
}
