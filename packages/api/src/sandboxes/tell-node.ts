import type { SandboxRecord } from "@sandlot/state";
import { limits } from "../limits";
import type { SandboxParts } from "./parts";
import { egressOf, toTimestamp } from "./record";

/**
 * Has the node note a new end time; it journals it, so that a lost Redis can be rebuilt.
 * A failure is logged only: the round in `node-sync` tells the node again.
 */
export async function tellNode(
  { nodes, events }: Pick<SandboxParts, "nodes" | "events">,
  record: SandboxRecord,
): Promise<void> {
  const request = { sandboxId: record.sandboxId, endTime: toTimestamp(record.endsAtMs) };
  await nodes
    .byId(record.nodeId)
    ?.sandboxes.update(request, { timeoutMs: limits.updateMs })
    .catch((thrown) => events.nodeFailed({ nodeId: record.nodeId, doing: "update", thrown }));
}

/** Has the node put new rules in force. Unlike the end time they must be in force when the caller is told so. */
export async function putRulesInForce({ nodes }: Pick<SandboxParts, "nodes">, record: SandboxRecord): Promise<void> {
  const node = nodes.byId(record.nodeId);
  if (node === undefined) throw new Error(`node ${record.nodeId} is not known`);
  const request = { sandboxId: record.sandboxId, egress: egressOf(record) };
  await node.sandboxes.update(request, { timeoutMs: limits.updateMs });
}
