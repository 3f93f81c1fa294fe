/** Ends a sandbox: unroute it, have its node end the machine, forget it. Joinable; safe to repeat. */
import type { SandboxRecord, TransitionStart } from "@sandlot/state";
import type { KillReason } from "../events";
import { apiFaults } from "../faults";
import { endOnNode } from "./end-on-node";
import type { SandboxParts } from "./parts";

export type KillOutcome = "killed" | "missing" | "extended";

/**
 * @returns `missing` when there is no such sandbox of the team; `extended` when it was to end by its time and that has moved
 * @throws Fault `api_node_silent`: it stays `killing` and is tried again
 */
export async function killSandbox(
  parts: SandboxParts,
  of: { teamId: string; sandboxId: string; reason: KillReason },
): Promise<KillOutcome> {
  const { teamId, sandboxId, reason } = of;
  for (;;) {
    const begun = await parts.state.sandboxes.beginTransition({ teamId, sandboxId, event: "kill" });
    if (begun.kind === "missing" || begun.kind === "refused") return "missing";
    if (begun.kind === "started") return await endBegun(parts, begun, reason);
    const outcome = await begun.outcome;
    if (outcome.kind === "ended") return "killed";
    if (outcome.kind === "failed") throw apiFaults.node_silent({ nodeId: "of the sandbox" });
    // Lost, or back to running: whoever did it did not end it, so it is our turn.
    if (reason === "timeout") return "extended";
  }
}

async function endBegun(
  parts: SandboxParts,
  begun: Extract<TransitionStart, { kind: "started" }>,
  reason: KillReason,
): Promise<KillOutcome> {
  const { record } = begun;
  if (reason === "timeout" && record.endsAtMs > parts.clock.nowMs()) {
    await begun.finish({ kind: "running" });
    return "extended";
  }
  const message = `node ${record.nodeId} does not answer`;
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
  if (!isGone) throw apiFaults.node_silent({ nodeId: record.nodeId });
  const { sandboxId, teamId, nodeId } = record;
  parts.events.sandboxEnded({ sandboxId, teamId, nodeId, reason });
  return "killed";
}

/** The route goes first, so that nobody is sent to a machine that is being ended. */
async function unrouteAndEnd(parts: SandboxParts, record: SandboxRecord, reason: KillReason): Promise<boolean> {
  const { sandboxId, executionId, nodeId } = record;
  await parts.state.catalog.remove(sandboxId, executionId);
  const node = parts.nodes.byId(nodeId);
  if (node === undefined) return false;
  parts.local.noteEnded(sandboxId);
  return await endOnNode(parts, { node, sandboxId, reason });
}
