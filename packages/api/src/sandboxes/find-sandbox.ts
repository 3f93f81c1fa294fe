/** The one place that says what a team may see: its own, and nothing else, in the same words whatever the reason. */
import { readSnapshot } from "@sandlot/db";
import { sandboxFaults } from "@sandlot/domain";
import type { SandboxKey, SandboxRecord } from "@sandlot/state";
import { fromSnapshot } from "./kept";
import type { SandboxParts } from "./parts";

type Finding = Pick<SandboxParts, "state" | "db" | "tokenSeed">;

/**
 * Running, in transition or paused.
 * @throws Fault `sandbox_missing` for unknown, foreign and ending ones alike
 */
export async function findSandbox(parts: Finding, key: SandboxKey): Promise<SandboxRecord> {
  const { sandboxId } = key;
  const record = (await parts.state.sandboxes.read(key)) ?? (await findPaused(parts, key));
  if (record === undefined || record.state === "killing") throw sandboxFaults.missing({ sandboxId });
  return record;
}

/** What is kept of it by a pause; for a sandbox without a record. */
export async function findPaused(
  { db, tokenSeed }: Pick<Finding, "db" | "tokenSeed">,
  { teamId, sandboxId }: SandboxKey,
): Promise<SandboxRecord | undefined> {
  const kept = await readSnapshot(db, sandboxId);
  return kept?.teamId === teamId && kept.buildId !== undefined ? fromSnapshot(kept, tokenSeed) : undefined;
}

const DOING = { pausing: "paused", killing: "killed", snapshotting: "snapshotted", resuming: "resumed" } as const;

/** @throws Fault `sandbox_not_running`, `sandbox_is_paused` */
export function assertRunning({ sandboxId, state }: SandboxRecord): void {
  if (state === "running") return;
  if (state === "ended") throw sandboxFaults.missing({ sandboxId });
  if (state === "paused") throw sandboxFaults.is_paused({ sandboxId });
  throw sandboxFaults.not_running({ sandboxId, doing: DOING[state] });
}

/** Why a change that wants a running sandbox found no record: it is paused, or not there. */
export async function assertNotPaused(parts: Finding, key: SandboxKey): Promise<never> {
  const { sandboxId } = key;
  if ((await findPaused(parts, key)) !== undefined) throw sandboxFaults.is_paused({ sandboxId });
  throw sandboxFaults.missing({ sandboxId });
}
