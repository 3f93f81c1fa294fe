/**
 * Resumes a paused sandbox: hold a place, claim what is kept of it, have a node start it, write record and route. Of many who
 * want it at once one does it and all get it; what a dead api left behind is found on the nodes first.
 */
import { claimPaused, readSnapshot, type Snapshot, settleAsPaused, type Team } from "@sandlot/db";
import { firstLife, sandboxFaults } from "@sandlot/domain";
import type { SandboxKey, SandboxRecord } from "@sandlot/state";
import { limits } from "../limits";
import type { Node } from "../nodes/node";
import { endOnNode } from "./end-on-node";
import { fromSnapshot } from "./kept";
import type { SandboxParts } from "./parts";
import { placeSandbox } from "./place";
import { toNodeConfig, toTimestamp } from "./record";
import { putRoute } from "./route";
import { settleSnapshot } from "./settle";

export type ResumeRequest = {
  readonly team: Team;
  readonly sandboxId: string;
  /** How long it then lives, in milliseconds. */
  readonly timeoutMs: number;
  /** From its disk alone, although its memory is kept. */
  readonly isColdBoot: boolean;
  /** Replaces what it inherits. */
  readonly autoPause?: boolean | undefined;
};

/** Whether this call has resumed it, one that it joined, or it was running already. */
export type Resumed = { readonly how: "resumed" | "joined" | "running"; readonly record: SandboxRecord };

/**
 * @throws Fault `sandbox_missing`, `sandbox_limit_reached`, `sandbox_unsettled`, `sandbox_start_in_flight`, those of `placeSandbox`
 */
export async function resumeSandbox(parts: SandboxParts, of: ResumeRequest): Promise<Resumed> {
  const { sandboxes } = parts.state;
  const key = { teamId: of.team.teamId, sandboxId: of.sandboxId };
  const limit = of.team.concurrentSandboxes;
  for (let round = 0; round < limits.transitionWaits; round += 1) {
    const outcome = await sandboxes.reserve({ ...key, limit });
    if (outcome === "limit_reached") throw await limitOrMissing(parts, key, limit);
    if (outcome === "in_flight") {
      // The other start brings its memory back, which this caller has said it must not.
      if (of.isColdBoot) throw sandboxFaults.start_in_flight({ sandboxId: of.sandboxId });
      const record = await sandboxes.settled(key);
      if (record !== undefined) return { how: "joined", record };
      continue;
    }
    if (outcome === "exists") {
      const record = await sandboxes.read(key);
      if (record !== undefined) return { how: "running", record };
      continue;
    }
    const record = await resumeReserved(parts, of, key);
    if (record !== undefined) return { how: "resumed", record };
  }
  // Others may have been looking for it in every round, and there may be nothing to find.
  const kept = await readSnapshot(parts.db, of.sandboxId);
  const { sandboxId } = of;
  throw kept?.teamId === key.teamId ? sandboxFaults.unsettled({ sandboxId }) : sandboxFaults.missing({ sandboxId });
}

/** Who has no such sandbox is not told about limits. */
async function limitOrMissing({ db }: SandboxParts, { teamId, sandboxId }: SandboxKey, limit: number) {
  const kept = await readSnapshot(db, sandboxId);
  return kept?.teamId === teamId ? sandboxFaults.limit_reached({ limit }) : sandboxFaults.missing({ sandboxId });
}

/** @returns undefined when it was not paused but is now, or runs: look again */
async function resumeReserved(
  parts: SandboxParts,
  of: ResumeRequest,
  key: SandboxKey,
): Promise<SandboxRecord | undefined> {
  const { sandboxId } = of;
  const beganMs = parts.clock.nowMs();
  const executionId = crypto.randomUUID();
  parts.local.starting.add(sandboxId);
  try {
    const snapshot = await claimPaused(parts.db, { ...key, executionId });
    if (snapshot === undefined) {
      const kept = await readSnapshot(parts.db, sandboxId);
      if (kept?.teamId !== key.teamId) throw sandboxFaults.missing({ sandboxId });
      // Paused, or live, by an api that died in the middle of it: what is true is on the nodes.
      if (!(await settleSnapshot(parts, kept))) throw sandboxFaults.unsettled({ sandboxId });
      await parts.state.sandboxes.release(key);
      return undefined;
    }
    const record = await startClaimed(parts, of, snapshot);
    const tookMs = parts.clock.nowMs() - beganMs;
    parts.events.sandboxResumed({ ...record, tookMs, hasMemory: snapshot.hasMemory && !of.isColdBoot });
    return record;
  } catch (thrown) {
    await parts.state.sandboxes.release(key).catch(() => undefined); // it lapses by itself
    throw thrown;
  } finally {
    parts.local.starting.delete(sandboxId);
  }
}

async function startClaimed(parts: SandboxParts, of: ResumeRequest, snapshot: Snapshot): Promise<SandboxRecord> {
  const { clock } = parts;
  const { sandboxId, executionId, teamId } = snapshot;
  const { maxLengthHours } = of.team;
  const life = () => firstLife({ startedAtMs: clock.nowMs(), timeoutMs: of.timeoutMs, maxLengthHours });
  const kept = fromSnapshot(snapshot, parts.tokenSeed);
  const draft: SandboxRecord = { ...kept, ...life(), state: "running", autoPause: of.autoPause ?? kept.autoPause };
  const tried = new Set<Node>();
  const start = async (node: Node): Promise<void> => {
    tried.add(node);
    const { startedAtMs, endsAtMs } = life();
    const isColdBoot = of.isColdBoot && snapshot.hasMemory;
    const answer = await node.sandboxes.create(
      {
        // Its variables are in its memory; sent again they would replace what is there.
        sandbox: { ...toNodeConfig(draft, {}), snapshot: true },
        startTime: toTimestamp(startedAtMs),
        endTime: toTimestamp(endsAtMs),
        ...(isColdBoot && { filesystemBoot: true }),
      },
      { timeoutMs: limits.startMs },
    );
    if (isColdBoot && answer.filesystemBootApplied !== true) throw sandboxFaults.filesystem_boot_unconfirmed({});
  };
  try {
    const prefer = snapshot.builtOn ?? snapshot.nodeId;
    const runtimes = [draft.runtime ?? "container"] as const;
    const { node } = await placeSandbox(parts, { cpuCount: draft.cpuCount, runtimes, start, prefer });
    const record = { ...draft, nodeId: node.id, nodeIp: node.ip, ...life() };
    await parts.state.sandboxes.commit(record);
    tried.delete(node);
    parts.expiry.arm(record.endsAtMs);
    await putRoute(parts.state, record);
    for (const other of tried) void endOnNode(parts, { node: other, sandboxId, reason: "orphaned" });
    return record;
  } catch (thrown) {
    if ((await parts.state.sandboxes.read({ teamId, sandboxId }).catch(() => undefined)) !== undefined) throw thrown;
    await backToPaused(parts, { sandboxId, executionId, tried });
    throw thrown;
  }
}

/** A node that was asked in vain may have started it all the same; only when none has is it paused again. Else it is settled later. */
async function backToPaused(
  parts: SandboxParts,
  of: { sandboxId: string; executionId: string; tried: ReadonlySet<Node> },
): Promise<void> {
  const { sandboxId, executionId } = of;
  const ends = [...of.tried].map((node) => endOnNode(parts, { node, sandboxId, reason: "orphaned" }));
  const isGone = (await Promise.all(ends)).every(Boolean);
  parts.local.noteEnded(executionId);
  if (isGone) await settleAsPaused(parts.db, { sandboxId, executionId }).catch(() => undefined); // settled later
}
