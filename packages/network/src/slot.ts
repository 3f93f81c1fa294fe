import type { SlotPolicy } from "./slots/table";

/**
 * One place for one guest: a host-owned network namespace with an uplink, NAT and rules. Shape-compatible with the
 * runtime contract's `MachineSlot`, so that a lease can be handed to a runtime as it is.
 */
export type Slot = {
  readonly index: number;
  /** Tells two leases of one index apart, so that giving back twice cannot hit the next tenant. Not for the journal. */
  readonly leaseId: number;
  readonly netnsPath: string;
  readonly address: string;
  readonly guestCidr: string;
  readonly guestGateway: string;
  readonly hostLink: string;
  readonly mtu: number;
};

export type SlotPool = AsyncDisposable & {
  /** Leases a slot with the default policy (internet yes, always-denied ranges no): at once from the pool, slower when one must be made.
   * @throws Fault `network_slots_exhausted`, `network_cannot_make`; the signal's reason if it aborts first */
  lease(signal: AbortSignal): Promise<Slot>;
  /** Takes up a slot that a live sandbox of an earlier run still uses. Its rules are as that run left them.
   * @throws Fault `network_slot_lost` when its namespace or link is gone */
  adopt(index: number): Promise<Slot>;
  /** Replaces the egress rules of a leased slot as a whole; established flows go on.
   * @throws Fault `network_bad_cidr`, `network_slot_unknown` when the lease has ended */
  applyEgress(slot: Slot, policy: SlotPolicy): Promise<void>;
  /** Gives a slot back and resolves when its flows are cut and nothing of it is left; a fresh one is made in its place.
   * A lease that has ended already is passed over. */
  release(slot: Slot): Promise<void>;
  /** Removes namespaces and links of earlier runs except those of `keep` (slot indexes), which wait to be adopted. */
  sweep(keep: ReadonlySet<number>): Promise<void>;
  /** Ends the pool and removes everything that carries this installation's tag, live slots included; see `removeNetwork`. */
  removeAll(): Promise<void>;
  /** IPv4 addresses of a name, by the host's resolvers and the same cache that guests are answered from; empty when it has none.
   * @throws Fault `network_no_answer` */
  resolve(name: string): Promise<readonly string[]>;
  /** Whether guests may never reach this address, whatever their policy: always-denied ranges, slots, the host's networks. */
  isForbidden(address: string): boolean;
  /** Idle and leased slots, for health pages and metrics. */
  counts(): { readonly ready: number; readonly leased: number };
};
