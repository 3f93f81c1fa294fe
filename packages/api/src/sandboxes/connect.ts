/** Makes sure that a sandbox runs: extends one that does, resumes one that is paused, waits for one that is changing. */
import type { Team } from "@sandlot/db";
import { STATES, sandboxFaults } from "@sandlot/domain";
import { isFault } from "@sandlot/faults";
import { sleep } from "@sandlot/lifetime";
import type { SandboxKey, SandboxRecord } from "@sandlot/state";
import { limits } from "../limits";
import { changeEnd } from "./change-end";
import type { SandboxParts } from "./parts";
import { resumeSandbox } from "./resume-sandbox";

export type ConnectRequest = {
  readonly team: Team;
  readonly sandboxId: string;
  readonly timeoutMs: number;
  readonly isColdBoot: boolean;
};

/** @throws Fault `sandbox_not_running` while it is being killed, and those of `resumeSandbox` and `changeEnd` */
export async function connectSandbox(
  parts: SandboxParts,
  of: ConnectRequest,
): Promise<{ how: "resumed" | "running"; record: SandboxRecord }> {
  const { team, sandboxId, timeoutMs } = of;
  const key = { teamId: team.teamId, sandboxId };
  for (let round = 0; round <= limits.transitionWaits; round += 1) {
    const found = await parts.state.sandboxes.read(key);
    if (found?.state === "killing") throw sandboxFaults.not_running({ sandboxId, doing: "killed" });
    if (found !== undefined && found.state !== "running") {
      await untilQuiet(parts, key);
      continue;
    }
    const resumed = found === undefined ? await resumeSandbox(parts, of) : undefined;
    if (resumed?.how === "resumed") return { how: "resumed", record: resumed.record };
    try {
      const record = await changeEnd(parts, { ...key, timeoutMs, mayShorten: false });
      // Another caller has resumed it: to this one it was paused all the same.
      return { how: resumed?.how === "joined" ? "resumed" : "running", record };
    } catch (thrown) {
      // It has begun to change, or was paused, since it was looked at.
      if (!isFault(thrown, "sandbox_not_running") && !isFault(thrown, "sandbox_is_paused")) throw thrown;
    }
  }
  throw sandboxFaults.still_transitioning({});
}

/** Waits for the change of state under way, as long as one wait may take. One whose owner has died is taken up in a moment. */
export async function untilQuiet({ state }: Pick<SandboxParts, "state">, key: SandboxKey): Promise<void> {
  const signal = AbortSignal.timeout(limits.transitionWaitMs);
  const record = await state.sandboxes.quiet(key, signal).catch((thrown) => {
    if (!signal.aborted) throw thrown;
    return undefined;
  });
  if (record !== undefined && STATES[record.state].isMoving) await sleep(limits.orphanRestMs);
}
