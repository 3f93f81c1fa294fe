/** Slots without namespaces: an address of the host's own each. */
import type { Slot } from "@sandlot/network";
import type { NodeSlots, SandboxEgress } from "../../src/egress/node-slots";

let nets = 0;

export const EGRESS_CA = "-----BEGIN CERTIFICATE-----\negress\n-----END CERTIFICATE-----\n";

export class FakeSlots implements NodeSlots {
  /** Other processes run such tests at the same time: each has its own second octet, each pool of slots its third. */
  readonly #net = `127.${(process.pid % 235) + 20}.${nets++ % 250}`;
  readonly out = new Set<number>();
  readonly egress = new Map<number, SandboxEgress>();
  #next = 1;
  failEgress: Error | undefined;

  async lease(): Promise<Slot> {
    const index = this.#next++;
    this.out.add(index);
    return this.#slot(index);
  }
  async adopt(index: number): Promise<Slot> {
    this.out.add(index);
    this.#next = Math.max(this.#next, index + 1);
    return this.#slot(index);
  }
  async applyEgress(slot: Slot, policy: SandboxEgress): Promise<void> {
    if (this.failEgress !== undefined) throw this.failEgress;
    this.egress.set(slot.index, policy);
  }
  async release(slot: Slot): Promise<void> {
    this.out.delete(slot.index);
    this.egress.delete(slot.index);
  }
  async sweep(keep: ReadonlySet<number>): Promise<void> {
    for (const index of this.out) if (!keep.has(index)) this.out.delete(index);
  }
  async removeAll(): Promise<void> {
    this.out.clear();
  }
  readonly egressCa = EGRESS_CA;
  flows() {
    return { isProxied: false, flows: [] };
  }
  counts() {
    return { ready: 0, leased: this.out.size };
  }
  async [Symbol.asyncDispose](): Promise<void> {}

  /** Every address of 127/8 is this host's own, so each fake guest gets one. */
  #slot(index: number): Slot {
    return {
      index,
      leaseId: index,
      netnsPath: `/fake/${index}`,
      address: `${this.#net}.${index + 1}`,
      guestCidr: "169.254.0.21/30",
      guestGateway: "169.254.0.22",
      hostLink: "guest0",
      mtu: 1400,
    };
  }
}
