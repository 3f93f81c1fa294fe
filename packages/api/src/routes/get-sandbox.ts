import { parseSandboxId } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import { findSandbox } from "../sandboxes/find-sandbox";
import type { SandboxParts } from "../sandboxes/parts";
import { toDetail } from "../sandboxes/present";

/** GET /sandboxes/{sandboxID} — 404 for unknown, foreign and ending ones. */
export function getSandbox(parts: SandboxParts): Handler<"getSandbox"> {
  return async ({ team, path }) => {
    const sandboxId = parseSandboxId(path.sandboxID);
    return { status: 200, body: toDetail(await findSandbox(parts, { teamId: team.teamId, sandboxId })) };
  };
}
