/**
 * What to do about a node whose sandboxes and our records disagree. Pure.
 * Nothing is done about what was first seen in this round: a start or an end may be under way.
 */
import type { SandboxRecord } from "@sandlot/state";

export type SyncStep =
  /** The node has it, we do not: our store was lost, or we died between start and record. */
  | { readonly do: "adopt"; readonly record: SandboxRecord }
  /** The node has what must not run there: ended here before, due long ago, or living elsewhere by now. */
  | { readonly do: "end"; readonly sandboxId: string }
  /** We have it, its node does not. */
  | { readonly do: "drop"; readonly record: SandboxRecord }
  /** The node missed a new end time. */
  | { readonly do: "tell"; readonly record: SandboxRecord };

export type SyncView = {
  readonly nodeId: string;
  /** What the node lists, as records. */
  readonly seen: readonly SandboxRecord[];
  /** All records of the store, read after the node was asked. */
  readonly known: readonly SandboxRecord[];
  /** What the round before noted. */
  readonly before: ReadonlySet<string>;
  readonly isStarting: (sandboxId: string) => boolean;
  readonly wasEndedHere: (executionId: string) => boolean;
  readonly nowMs: number;
  readonly graceMs: number;
};

/** How far end times may differ before the node is told again. */
const END_SLACK_MS = 2_000;

export function planSync(view: SyncView): { steps: SyncStep[]; noted: Set<string> } {
  const { nodeId, seen, known, before, nowMs } = view;
  const steps: SyncStep[] = [];
  const noted = new Set<string>();
  const knownById = new Map(known.map((record) => [record.sandboxId, record]));
  const seenIds = new Set(seen.map((record) => record.sandboxId));
  const twice = (mark: string): boolean => {
    noted.add(mark);
    return before.has(mark);
  };
  for (const listed of seen) {
    const { sandboxId } = listed;
    const record = knownById.get(sandboxId);
    if (record === undefined) {
      if (view.isStarting(sandboxId) || !twice(`unknown ${sandboxId} ${listed.executionId}`)) continue;
      // One that is to be paused at its end is taken back first, so that it is.
      const isOver = listed.endsAtMs <= nowMs && !listed.autoPause;
      const mustEnd = view.wasEndedHere(listed.executionId) || isOver;
      steps.push(mustEnd ? { do: "end", sandboxId } : { do: "adopt", record: listed });
    } else if (record.executionId !== listed.executionId || record.nodeId !== nodeId) {
      if (twice(`elsewhere ${sandboxId} ${listed.executionId}`)) steps.push({ do: "end", sandboxId });
    } else if (record.state === "running" && Math.abs(record.endsAtMs - listed.endsAtMs) > END_SLACK_MS) {
      if (twice(`end ${sandboxId} ${record.endsAtMs}`)) steps.push({ do: "tell", record });
    }
  }
  for (const record of known) {
    if (record.nodeId !== nodeId || seenIds.has(record.sandboxId)) continue;
    // One that is being sealed leaves its node's list when it is; whoever seals it, or takes that up, says what it is then.
    if (record.state === "killing" || record.state === "pausing") continue;
    const isYoung = nowMs - record.startedAtMs < view.graceMs;
    if (!isYoung && twice(`gone ${record.sandboxId} ${record.executionId}`)) steps.push({ do: "drop", record });
  }
  return { steps, noted };
}
