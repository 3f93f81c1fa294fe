import { type EgressPolicy, OPEN_EGRESS } from "@sandlot/domain";
import type { NodeSlots, SandboxEgress } from "../egress/node-slots";
import { isOpen } from "../sandboxes/egress-policy";
import type { Guest } from "./guest";

/** For processes that run before there is a sandbox whose rules they could follow. */
export const SHUT: EgressPolicy = { ...OPEN_EGRESS, deniedCidrs: ["0.0.0.0/0"] };

/** Makes a guest's slot follow `policy`, unless it does. */
export async function applyRules(
  slots: Pick<NodeSlots, "applyEgress">,
  guest: Pick<Guest, "slot" | "rules">,
  policy: SandboxEgress,
): Promise<void> {
  if (isSame(guest.rules.applied, policy)) return;
  await slots.applyEgress(guest.slot, policy);
  guest.rules.applied = policy;
}

function isSame(a: SandboxEgress, b: SandboxEgress): boolean {
  return (isOpen(a) && isOpen(b)) || JSON.stringify(a) === JSON.stringify(b);
}
