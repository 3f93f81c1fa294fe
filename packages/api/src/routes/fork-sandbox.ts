import { DEFAULT_TIMEOUT_S, parseCreateTimeout, parseSandboxId } from "@sandlot/domain";
import { toHttp } from "@sandlot/faults/wire";
import type { Handler } from "../http/handlers";
import { forkSandbox } from "../sandboxes/fork-sandbox";
import type { SandboxParts } from "../sandboxes/parts";
import { toSandbox } from "../sandboxes/present";

/** POST /sandboxes/{sandboxID}/fork — 201 with one result per copy, each its own sandbox or why there is none. */
export function forkSandboxRoute(parts: SandboxParts): Handler<"forkSandbox"> {
  return async ({ team, path, body }) => {
    const sandboxId = parseSandboxId(path.sandboxID);
    const timeoutMs = parseCreateTimeout({
      timeoutS: body?.timeout ?? DEFAULT_TIMEOUT_S,
      maxHours: team.maxLengthHours,
    });
    const results = await forkSandbox(parts, { team, sandboxId, count: body?.count ?? 1, timeoutMs });
    const told = results.map((result) =>
      result.status === "fulfilled" ? { sandbox: toSandbox(result.value) } : { error: toHttp(result.reason).body },
    );
    return { status: 201, body: told };
  };
}
