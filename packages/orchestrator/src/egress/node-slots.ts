/** Slots as the node's rooms see them: with the egress proxy in force wherever a policy asks for it. */
import type { EgressPolicy } from "@sandlot/domain";
import { type Egress, type Flow, slotPolicyOf, type ValueOwner } from "@sandlot/egress";
import type { Slot, SlotPool } from "@sandlot/network";

/** `owner`: whose secrets and tokens its header rules stand for; only a sandbox's policy can have any. */
export type SandboxEgress = EgressPolicy & { readonly owner?: ValueOwner };

export type NodeSlots = Omit<SlotPool, "applyEgress" | "resolve" | "isForbidden"> & {
  /** As `SlotPool.applyEgress`, domains, header rules and proxy included. */
  applyEgress(slot: Slot, policy: SandboxEgress): Promise<void>;
  /** Newest connections that the egress proxy judged. */
  flows(slot: Slot, limit: number): { readonly isProxied: boolean; readonly flows: readonly Flow[] };
  /** The authority that guests with header rules must trust, as PEM. */
  readonly egressCa: string;
};

export function withEgress(slots: SlotPool, egress: Egress): NodeSlots {
  return {
    lease: (signal) => slots.lease(signal),
    adopt: (index) => slots.adopt(index),
    async applyEgress(slot, { owner = { sandboxId: "", audiences: {} }, ...policy }) {
      const own = slotPolicyOf(policy);
      // The gate is there before anything is sent to it, and stays until nothing is sent to it any more.
      if (own.isTcpJudged) egress.put(slot, { owner, policy });
      await slots.applyEgress(slot, own);
      if (!own.isTcpJudged) egress.put(slot, { owner, policy });
    },
    async release(slot) {
      egress.drop(slot);
      await slots.release(slot);
    },
    sweep: (keep) => slots.sweep(keep),
    removeAll: () => slots.removeAll(),
    counts: () => slots.counts(),
    flows: (slot, limit) => egress.list(slot, limit),
    egressCa: egress.certPem,
    [Symbol.asyncDispose]: () => slots[Symbol.asyncDispose](),
  };
}
