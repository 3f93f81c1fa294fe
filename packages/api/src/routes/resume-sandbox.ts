import type { Team } from "@sandlot/db";
import { DEFAULT_TIMEOUT_S, parseCreateTimeout, parseSandboxId, sandboxFaults } from "@sandlot/domain";
import type { SandboxRecord } from "@sandlot/state";
import type { Handler } from "../http/handlers";
import { limits } from "../limits";
import { untilQuiet } from "../sandboxes/connect";
import type { SandboxParts } from "../sandboxes/parts";
import { toSandbox } from "../sandboxes/present";
import { type ResumeRequest, resumeSandbox } from "../sandboxes/resume-sandbox";

/** POST /sandboxes/{sandboxID}/resume — 201; 409 when it runs or is snapshotted, 404 while it is killed; a pause is waited for. */
export function resumeSandboxRoute(parts: SandboxParts): Handler<"resumeSandbox"> {
  return async ({ team, path, body }) => {
    const sandboxId = parseSandboxId(path.sandboxID);
    const timeoutMs = parseCreateTimeout({
      timeoutS: body?.timeout ?? DEFAULT_TIMEOUT_S,
      maxHours: team.maxLengthHours,
    });
    const isColdBoot = body?.memory === false;
    const request = { team, sandboxId, timeoutMs, isColdBoot, autoPause: body?.autoPause };
    return { status: 201, body: toSandbox(await resume(parts, request)) };
  };
}

async function resume(parts: SandboxParts, request: ResumeRequest & { team: Team }): Promise<SandboxRecord> {
  const { team, sandboxId } = request;
  const key = { teamId: team.teamId, sandboxId };
  for (let round = 0; round <= limits.transitionWaits; round += 1) {
    const found = await parts.state.sandboxes.read(key);
    if (found?.state === "killing") throw sandboxFaults.missing({ sandboxId });
    if (found?.state === "snapshotting") throw sandboxFaults.not_running({ sandboxId, doing: "snapshotted" });
    if (found?.state === "running") throw sandboxFaults.already_running({ sandboxId });
    if (found !== undefined) {
      await untilQuiet(parts, key);
      continue;
    }
    const { how, record } = await resumeSandbox(parts, request);
    if (how !== "running") return record;
  }
  throw sandboxFaults.still_transitioning({});
}
