import { parseSandboxId, requestFaults } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import type { SandboxParts } from "../sandboxes/parts";
import { pauseSandbox } from "../sandboxes/pause-sandbox";

/** POST /sandboxes/{sandboxID}/pause — 204 once it is sealed; overlapping calls share one pause, a later one gets 409. */
export function pauseSandboxRoute(parts: SandboxParts): Handler<"pauseSandbox"> {
  return async ({ team, path, body }) => {
    const sandboxId = parseSandboxId(path.sandboxID);
    const hasMemory = body?.memory ?? true;
    if (body?.requireHealthyGuest === true) throw requestFaults.not_supported({ what: "requireHealthyGuest" });
    await pauseSandbox(parts, { teamId: team.teamId, sandboxId, hasMemory, reason: "request" });
    return { status: 204 };
  };
}
