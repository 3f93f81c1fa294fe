/** The one place that says what a team may see: its own, and nothing else, in the same words whatever the reason. */
import { sandboxFaults } from "@sandlot/domain";
import type { SandboxRecord } from "@sandlot/state";
import type { SandboxParts } from "./parts";

/** @throws Fault `sandbox_missing` for unknown, foreign and ending ones alike */
export async function findSandbox(
  { state }: Pick<SandboxParts, "state">,
  { teamId, sandboxId }: { teamId: string; sandboxId: string },
): Promise<SandboxRecord> {
  const record = await state.sandboxes.read({ teamId, sandboxId });
  if (record === undefined || record.state === "killing") throw sandboxFaults.missing({ sandboxId });
  return record;
}

const DOING = { pausing: "paused", killing: "killed", snapshotting: "snapshotted", resuming: "resumed" } as const;

/** @throws Fault `sandbox_not_running` */
export function assertRunning({ sandboxId, state }: SandboxRecord): void {
  if (state === "running") return;
  if (state === "paused" || state === "ended") throw sandboxFaults.missing({ sandboxId });
  throw sandboxFaults.not_running({ sandboxId, doing: DOING[state] });
}
