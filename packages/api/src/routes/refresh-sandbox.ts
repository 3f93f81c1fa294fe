import { parseSandboxId, refreshTimeoutMs } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import { changeEnd } from "../sandboxes/change-end";
import type { SandboxParts } from "../sandboxes/parts";

/** POST /sandboxes/{sandboxID}/refreshes — at least 15 s from now, never shorter than it was. */
export function refreshSandbox(parts: SandboxParts): Handler<"refreshSandbox"> {
  return async ({ team, path, body }) => {
    const sandboxId = parseSandboxId(path.sandboxID);
    const timeoutMs = refreshTimeoutMs(body?.duration);
    await changeEnd(parts, { teamId: team.teamId, sandboxId, timeoutMs, mayShorten: false });
    return { status: 204 };
  };
}
