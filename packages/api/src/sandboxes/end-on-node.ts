import type { KillReason } from "@sandlot/domain";
import { limits } from "../limits";
import { readFailure } from "../nodes/failures";
import type { Node } from "../nodes/node";
import type { SandboxParts } from "./parts";

/** Ends the machine of a sandbox. @returns whether it is certain that the node no longer has it; failures are logged here */
export async function endOnNode(
  { events }: Pick<SandboxParts, "events">,
  of: { node: Node; sandboxId: string; reason: KillReason },
): Promise<boolean> {
  const { node, sandboxId, reason } = of;
  try {
    await node.sandboxes.delete({ sandboxId, killReason: reason }, { timeoutMs: limits.endMs });
    return true;
  } catch (thrown) {
    if (readFailure(thrown) === "missing") return true;
    events.nodeFailed({ nodeId: node.id, doing: "end", thrown });
    return false;
  }
}
