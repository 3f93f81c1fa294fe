import { parseSandboxId } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import { changeEnd } from "../sandboxes/change-end";
import type { SandboxParts } from "../sandboxes/parts";

/** POST /sandboxes/{sandboxID}/timeout — counted from now, either way; capped at the team's longest run. */
export function setSandboxTimeout(parts: SandboxParts): Handler<"setSandboxTimeout"> {
  return async ({ team, path, body }) => {
    const sandboxId = parseSandboxId(path.sandboxID);
    await changeEnd(parts, { teamId: team.teamId, sandboxId, timeoutMs: body.timeout * 1000, mayShorten: true });
    return { status: 204 };
  };
}
