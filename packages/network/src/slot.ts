import type { EgressPolicy } from "@sandlot/domain";

/**
 * One place for one guest: a host-owned network namespace with an uplink, NAT and rules. Shape-compatible with the
 * runtime contract's `MachineSlot`, so that a lease can be handed to a runtime as it is.
 */
export type Slot = {
  readonly index: number;
  readonly netnsPath: string;
  readonly address: string;
  readonly guestCidr: string;
  readonly guestGateway: string;
  readonly hostLink: string;
  readonly mtu: number;
};

export type SlotPool = AsyncDisposable & {
  /** Leases a slot with the default policy (internet yes, always-denied ranges no): at once from the pool, slower when one must be made.
   * @throws Fault `network_slots_exhausted` */
  lease(signal: AbortSignal): Promise<Slot>;
  /** Takes up a slot that a live sandbox of an earlier run still uses. */
  adopt(index: number): Promise<Slot>;
  /** Replaces the egress rules of a leased slot as a whole; established flows go on. */
  applyEgress(slot: Slot, policy: EgressPolicy): Promise<void>;
  /** Gives a slot back: cuts its flows, scrubs rules, conntrack and the guest link, then pools it again. */
  release(slot: Slot): Promise<void>;
  /** Removes namespaces and links of earlier runs except those of `keep` (slot indexes). */
  sweep(keep: ReadonlySet<number>): Promise<void>;
};
