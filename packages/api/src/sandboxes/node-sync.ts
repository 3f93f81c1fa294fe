/** Keeps the store and the nodes in step, and rebuilds a lost store from what the nodes have in their journals. */
import { readSnapshot, settleAsLive, settleAsPaused } from "@sandlot/db";
import { every } from "@sandlot/lifetime";
import type { SandboxRecord } from "@sandlot/state";
import { limits } from "../limits";
import type { Node } from "../nodes/node";
import { endOnNode } from "./end-on-node";
import type { SandboxParts } from "./parts";
import { planSync, type SyncStep } from "./plan-sync";
import { fromNode } from "./record";
import { putRoute } from "./route";
import { tellNode } from "./tell-node";

/** Starts the rounds; each asks every ready node once. */
export function startNodeSync(parts: SandboxParts): AsyncDisposable {
  const before = new Map<Node, Set<string>>();
  const failed = (doing: string) => (thrown: unknown) => parts.events.nodeFailed({ nodeId: "", doing, thrown });
  const round = async (): Promise<void> => {
    await Promise.all(
      parts.nodes.ready().map(async (node) => {
        before.set(node, await syncNode(parts, node, before.get(node) ?? new Set()));
      }),
    );
  };
  return every(limits.syncMs, round, failed("sync"));
}

async function syncNode(parts: SandboxParts, node: Node, before: ReadonlySet<string>): Promise<Set<string>> {
  const { sandboxes } = await node.sandboxes.list({}, { timeoutMs: limits.updateMs });
  const seen = sandboxes.map((listed) => fromNode(listed, node)).filter((record) => record !== undefined);
  const known = await parts.state.sandboxes.all();
  const { steps, noted } = planSync({
    nodeId: node.id,
    seen,
    known,
    before,
    isStarting: (sandboxId) => parts.local.starting.has(sandboxId),
    wasEndedHere: parts.local.endedHere,
    nowMs: parts.clock.nowMs(),
    graceMs: limits.syncGraceMs,
  });
  for (const step of steps) {
    await take(parts, node, step).catch((thrown) =>
      parts.events.nodeFailed({ nodeId: node.id, doing: `sync ${step.do}`, thrown }),
    );
  }
  return noted;
}

async function take(parts: SandboxParts, node: Node, step: SyncStep): Promise<void> {
  const { state, events, expiry } = parts;
  switch (step.do) {
    case "end":
      await endOnNode(parts, { node, sandboxId: step.sandboxId, reason: "orphaned" });
      return;
    case "tell":
      await tellNode(parts, step.record);
      return;
    case "adopt":
      if (!(await state.sandboxes.adopt(step.record))) return;
      // Should it have been taken for lost, nobody may resume what it was before.
      await settleAsLive(parts.db, step.record);
      await putRoute(state, step.record);
      expiry.arm(step.record.endsAtMs);
      events.sandboxAdopted(step.record);
      return;
    case "drop":
      await drop(parts, step.record);
  }
}

/** It has ended by itself, unless it was sealed meanwhile: then it is settled, and not lost. */
async function drop({ db, state, events }: SandboxParts, record: SandboxRecord): Promise<void> {
  const { sandboxId, executionId } = record;
  const kept = await readSnapshot(db, sandboxId);
  if (kept?.state === "pausing") return;
  await state.catalog.remove(sandboxId, executionId);
  if (!(await state.sandboxes.remove(record))) return;
  events.sandboxLost(record);
  await settleAsPaused(db, { sandboxId, executionId });
}
