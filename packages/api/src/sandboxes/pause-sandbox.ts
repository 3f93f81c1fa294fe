/**
 * Pauses a sandbox: write down what is being paused, unroute it, have its node seal it, write down that it is. Joinable; taken
 * up by another replica, or by the next start, wherever the one that does it dies.
 */
import { beginPause, completePause, readSnapshot, type SealedBuild, undoPauseOf } from "@sandlot/db";
import { sandboxFaults } from "@sandlot/domain";
import { Fault, isFault } from "@sandlot/faults";
import { sleep } from "@sandlot/lifetime";
import type { SandboxKey, SandboxRecord, Started, ToldFailure } from "@sandlot/state";
import { findRuntime } from "../nodes/runtimes";
import { toKept } from "./kept";
import type { SandboxParts } from "./parts";
import { putRoute } from "./route";
import { askForSeal } from "./seal";

/** `extended`: it was to be paused by its time, and that has moved. */
export type PauseOutcome = "paused" | "extended";
export type PauseReason = "request" | "timeout";
type PauseRequest = SandboxKey & { readonly hasMemory: boolean; readonly reason: PauseReason };
/** What is being sealed, as the database knows it. */
type UnderWay = { readonly buildId: string; readonly hasMemory: boolean };

/**
 * @throws Fault `sandbox_missing`, `sandbox_already_paused`, `sandbox_wrong_state`, and where it runs on:
 *   `sandbox_memory_unsupported`, `sandbox_memory_not_saved`, `sandbox_seal_failed`, `db_unavailable`;
 *   `sandbox_seal_unknown` when the node does not say: it stays `pausing` and is found out
 */
export async function pauseSandbox(parts: SandboxParts, of: PauseRequest): Promise<PauseOutcome> {
  const { teamId, sandboxId } = of;
  const { sandboxes } = parts.state;
  for (;;) {
    const begun = await sandboxes.beginTransition({ teamId, sandboxId, event: "pause" });
    switch (begun.kind) {
      case "refused":
        throw sandboxFaults.wrong_state({ sandboxId, doing: "paused", state: begun.state });
      case "started":
        return await pauseBegun(parts, begun, of);
      case "missing":
        // One that is just being started is there in a moment.
        if ((await sandboxes.settled(of)) === undefined) throw await whyNotRunning(parts, of);
        continue;
      case "joined": {
        const outcome = await begun.outcome;
        if (outcome.kind === "ended") return "paused";
        if (outcome.kind === "failed") throw retold(outcome);
      }
    }
  }
}

/** The failure of somebody else's work, as that somebody was told it. */
export function retold({ code, message, as }: ToldFailure): Fault {
  return new Fault({ code, message, kind: as ?? "unavailable", facts: {} });
}

export function told(fault: unknown): ToldFailure {
  return isFault(fault)
    ? { code: fault.code, message: fault.message, as: fault.kind }
    : { code: "internal_server_error", message: "internal error", as: "broken" };
}

async function whyNotRunning({ db }: SandboxParts, { teamId, sandboxId }: SandboxKey): Promise<Fault> {
  const kept = await readSnapshot(db, sandboxId);
  if (kept === undefined || kept.teamId !== teamId) return sandboxFaults.missing({ sandboxId });
  return kept.state === "live" ? sandboxFaults.unsettled({ sandboxId }) : sandboxFaults.already_paused({ sandboxId });
}

async function pauseBegun(
  parts: SandboxParts,
  begun: Started,
  { hasMemory, reason }: PauseRequest,
): Promise<PauseOutcome> {
  const { record } = begun;
  if (reason === "timeout" && record.endsAtMs > parts.clock.nowMs()) {
    await begun.finish({ kind: "running" });
    return "extended";
  }
  // Orphaned work that is begun again is first what it was: the node may have sealed it already.
  const before = await knownPause(parts, begun);
  if (before !== undefined) return await sealBegun(parts, begun, before);
  const buildId = crypto.randomUUID();
  try {
    assertMemory(parts, record, hasMemory);
    const facts = { ...sizeOf(record), ...runtimeOf(parts, record) };
    const build = { buildId, madeBy: "pause", hasMemory, ...facts, nodeId: record.nodeId } as const;
    await beginPause(parts.db, { kept: toKept(record), build });
  } catch (thrown) {
    await begun.finish({ kind: "failed", ...told(thrown), leaves: "back" });
    throw thrown;
  }
  return await sealBegun(parts, begun, { buildId, hasMemory });
}

/** The pause of this very run that somebody has written down and not brought to its end. */
export async function knownPause({ db }: Pick<SandboxParts, "db">, begun: Started): Promise<UnderWay | undefined> {
  const { sandboxId, executionId } = begun.record;
  const kept = await readSnapshot(db, sandboxId).catch(async (thrown) => {
    await begun.finish({ kind: "failed", ...told(thrown), leaves: "stay" });
    throw thrown;
  });
  if (kept?.pausingBuildId === undefined || kept.executionId !== executionId) return undefined;
  return { buildId: kept.pausingBuildId, hasMemory: kept.pausingHasMemory };
}

export function sizeOf(record: SandboxRecord): Pick<SealedBuild, "cpuCount" | "memoryMiB" | "diskMiB" | "envdVersion"> {
  const { cpuCount, memoryMiB, diskMiB, envdVersion } = record;
  return { cpuCount, memoryMiB, diskMiB, envdVersion };
}

/** What it runs on, and with which kernel, as its node last said. */
export function runtimeOf(
  { nodes }: Pick<SandboxParts, "nodes">,
  { nodeId, runtime = "container" }: SandboxRecord,
): Pick<SealedBuild, "runtime" | "kernelVersion"> {
  return { runtime, kernelVersion: findRuntime(nodes.byId(nodeId), runtime)?.kernelVersion ?? "" };
}

/** @throws Fault `sandbox_memory_unsupported` when its node has said that it saves none */
export function assertMemory(
  { nodes }: Pick<SandboxParts, "nodes">,
  { nodeId, runtime = "container" }: SandboxRecord,
  isWanted = true,
): void {
  const said = findRuntime(nodes.byId(nodeId), runtime);
  if (!isWanted || said === undefined || said.memorySnapshots) return;
  throw sandboxFaults.memory_unsupported({ why: said.memorySnapshotsProblem || "its node saves none" });
}

/** The route goes first, so that nobody is sent to a machine that is being sealed. */
export async function sealBegun(parts: SandboxParts, begun: Started, underWay: UnderWay): Promise<PauseOutcome> {
  const { record } = begun;
  const { sandboxId, nodeId, templateId, executionId } = record;
  const { buildId, hasMemory } = underWay;
  await parts.state.catalog.remove(sandboxId, executionId).catch(() => undefined); // the node answers for it too
  const answer = await askForSeal(parts, nodeId, { sandboxId, buildId, as: "pause", hasMemory, templateId });
  switch (answer.kind) {
    case "sealed": {
      await insist(() => completePause(parts.db, { sandboxId, buildId, size: answer.size }), begun);
      parts.local.noteEnded(executionId);
      await begun.finish({ kind: "ended" });
      parts.events.sandboxPaused({ ...record, hasMemory, size: answer.size });
      parts.collector.look();
      return "paused";
    }
    case "refused":
      return await runOn(parts, begun, buildId, sandboxFaults.memory_not_saved({ sandboxId, why: answer.why }));
    case "failed":
      return await runOn(parts, begun, buildId, sandboxFaults.seal_failed({ sandboxId, why: answer.why }));
    case "missing": {
      await insist(() => undoPauseOf(parts.db, { sandboxId, buildId, isAlive: false, why: "it had ended" }), begun);
      const fault = sandboxFaults.missing({ sandboxId });
      await begun.finish({ kind: "failed", ...told(fault), leaves: "gone" });
      parts.events.sandboxLost(record);
      throw fault;
    }
    case "silent": {
      const fault = sandboxFaults.seal_unknown({ sandboxId });
      await begun.finish({ kind: "failed", ...told(fault), leaves: "stay" });
      throw fault;
    }
  }
}

async function runOn(parts: SandboxParts, begun: Started, buildId: string, fault: Fault): Promise<never> {
  const { record } = begun;
  const { sandboxId } = record;
  await insist(() => undoPauseOf(parts.db, { sandboxId, buildId, isAlive: true, why: fault.message }), begun);
  await putRoute(parts.state, record);
  await begun.finish({ kind: "failed", ...told(fault), leaves: "back" });
  parts.events.sandboxNotPaused({ ...record, why: fault.message });
  throw fault;
}

/** The node has answered; should the database be away just then, the sandbox stays as it is and the question is asked again. */
async function insist(write: () => Promise<unknown>, begun: Started): Promise<void> {
  for (const restMs of [100, 400, 1_500, 0]) {
    try {
      await write();
      return;
    } catch (thrown) {
      if (isFault(thrown, "db_unavailable") && restMs > 0) {
        await sleep(restMs);
        continue;
      }
      await begun.finish({ kind: "failed", ...told(thrown), leaves: "stay" });
      throw thrown;
    }
  }
}
