/** Ends a sandbox: forget what is kept of it where its user wants that, unroute it, have its node end the machine, forget it. */
import { forgetPaused, readSnapshot, settleAsPaused } from "@sandlot/db";
import { KILL_REASONS, type KillReason, sandboxFaults } from "@sandlot/domain";
import type { SandboxKey, SandboxRecord, Started } from "@sandlot/state";
import { apiFaults } from "../faults";
import { endOnNode } from "./end-on-node";
import type { SandboxParts } from "./parts";
import { settleSnapshot } from "./settle";

export type KillOutcome = "killed" | "missing" | "extended";
type KillRequest = SandboxKey & { readonly reason: KillReason };

/**
 * Joinable; safe to repeat. A paused sandbox is killed only by its user's wish.
 * @returns `missing` when there is no such sandbox of the team; `extended` when it was to end by its time and that has moved
 * @throws Fault `api_node_silent`: it stays `killing` and is tried again; `db_unavailable`: it runs on
 */
export async function killSandbox(parts: SandboxParts, of: KillRequest): Promise<KillOutcome> {
  const { teamId, sandboxId, reason } = of;
  for (;;) {
    const begun = await parts.state.sandboxes.beginTransition({ teamId, sandboxId, event: "kill" });
    if (begun.kind === "refused") return "missing";
    if (begun.kind === "started") return await endBegun(parts, begun, reason);
    if (begun.kind === "missing") {
      const outcome = await killPaused(parts, of);
      if (outcome !== undefined) return outcome;
      continue;
    }
    const outcome = await begun.outcome;
    if (outcome.kind === "ended") return "killed";
    if (outcome.kind === "failed") throw apiFaults.node_silent({ nodeId: "of the sandbox" });
    // Lost, or back to running: whoever did it did not end it, so it is our turn.
    if (reason === "timeout") return "extended";
  }
}

/** @returns undefined when it runs after all: look again */
async function killPaused(parts: SandboxParts, of: KillRequest): Promise<KillOutcome | undefined> {
  const { teamId, sandboxId, reason } = of;
  if ((await parts.state.sandboxes.settled(of)) !== undefined) return undefined;
  if (!KILL_REASONS[reason].forgetsPause) return "missing";
  if ((await forgetPaused(parts.db, { teamId, sandboxId, states: ["paused"] })) !== undefined) {
    parts.events.sandboxEnded({ sandboxId, teamId, nodeId: "", reason });
    parts.collector.look();
    return "killed";
  }
  const kept = await readSnapshot(parts.db, sandboxId);
  if (kept?.teamId !== teamId) return "missing";
  // An api has died in the middle of a pause or resume, or the store was lost.
  const held = await parts.state.sandboxes.reserve({ teamId, sandboxId, limit: Number.MAX_SAFE_INTEGER });
  if (held !== "reserved") return undefined;
  try {
    if (!(await settleSnapshot(parts, kept))) throw sandboxFaults.unsettled({ sandboxId });
  } finally {
    await parts.state.sandboxes.release({ teamId, sandboxId });
  }
  return undefined;
}

async function endBegun(parts: SandboxParts, begun: Started, reason: KillReason): Promise<KillOutcome> {
  const { record } = begun;
  const { sandboxId, teamId, nodeId, executionId } = record;
  if (reason === "timeout" && record.endsAtMs > parts.clock.nowMs()) {
    await begun.finish({ kind: "running" });
    return "extended";
  }
  await forgetFirst(parts, begun, reason);
  const message = `node ${nodeId} does not answer`;
  let isGone = false;
  try {
    isGone = await unrouteAndEnd(parts, record, reason);
  } finally {
    // Also when the store failed half way: what stays `killing` is tried again when it falls due.
    const outcome = isGone
      ? ({ kind: "ended" } as const)
      : ({ kind: "failed", code: "api_node_silent", message } as const);
    await begun.finish(outcome);
  }
  if (!isGone) throw apiFaults.node_silent({ nodeId });
  parts.events.sandboxEnded({ sandboxId, teamId, nodeId, reason });
  await settleAsPaused(parts.db, { sandboxId, executionId }).catch(() => undefined); // settled later
  if (KILL_REASONS[reason].forgetsPause) parts.collector.look();
  return "killed";
}

/** Before anything is ended: what its user wants gone must not come back as paused, whatever happens next. */
async function forgetFirst(parts: SandboxParts, begun: Started, reason: KillReason): Promise<void> {
  if (!KILL_REASONS[reason].forgetsPause) return;
  const { teamId, sandboxId } = begun.record;
  try {
    await forgetPaused(parts.db, { teamId, sandboxId, states: ["live", "paused", "pausing"] });
  } catch (thrown) {
    await begun.finish({ kind: "running" });
    throw thrown;
  }
}

/** The route goes first, so that nobody is sent to a machine that is being ended. */
async function unrouteAndEnd(parts: SandboxParts, record: SandboxRecord, reason: KillReason): Promise<boolean> {
  const { sandboxId, executionId, nodeId } = record;
  await parts.state.catalog.remove(sandboxId, executionId);
  const node = parts.nodes.byId(nodeId);
  if (node === undefined) return false;
  parts.local.noteEnded(executionId);
  return await endOnNode(parts, { node, sandboxId, reason });
}
