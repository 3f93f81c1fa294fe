import { Gate } from "@sandlot/lifetime";
import type { Handler } from "../http/handlers";
import { limits } from "../limits";
import { killSandbox } from "../sandboxes/kill-sandbox";
import type { SandboxParts } from "../sandboxes/parts";

/** POST /admin/teams/{teamID}/sandboxes/kill — ends the running ones, ten at once; those that ended meanwhile do not count. */
export function killTeamSandboxes(parts: SandboxParts): Handler<"killTeamSandboxes"> {
  return async ({ path }) => {
    const teamId = path.teamID.toLowerCase();
    const records = await parts.state.sandboxes.list(teamId);
    const running = records.filter(({ state }) => state === "running" || state === "snapshotting");
    const gate = new Gate(limits.adminKillsAtOnce);
    const outcomes = await Promise.allSettled(
      running.map(({ sandboxId }) => gate.run(() => killSandbox(parts, { teamId, sandboxId, reason: "admin" }))),
    );
    const killedCount = outcomes.filter((one) => one.status === "fulfilled" && one.value === "killed").length;
    const failedCount = outcomes.filter((one) => one.status === "rejected").length;
    return { status: 200, body: { killedCount, failedCount } };
  };
}
