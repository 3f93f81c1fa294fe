import { parseSandboxId, sandboxFaults } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import { killSandbox } from "../sandboxes/kill-sandbox";
import type { SandboxParts } from "../sandboxes/parts";

/** DELETE /sandboxes/{sandboxID} — 204 once it is gone; 404 from then on. Overlapping calls share one outcome. */
export function killSandboxRoute(parts: SandboxParts): Handler<"killSandbox"> {
  return async ({ team, path }) => {
    const sandboxId = parseSandboxId(path.sandboxID);
    const outcome = await killSandbox(parts, { teamId: team.teamId, sandboxId, reason: "request" });
    if (outcome === "missing") throw sandboxFaults.missing({ sandboxId });
    return { status: 204 };
  };
}
