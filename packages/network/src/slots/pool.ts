/** Who has which slot: a stock of fresh ones, refilled in the background, and the leases. */
import { type Clock, KeyedLock } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import { GUEST, type NetworkPlan, planSlot } from "../address/plan";
import { runNft } from "../command";
import type { GuestNames } from "../dns/names";
import { networkFaults } from "../faults";
import { limits } from "../limits";
import { findSlots } from "../root/host";
import type { Slot } from "../slot";
import { forgetFlows } from "./conntrack";
import { destroySlots, type MakeSlots, makeSlots, missingPart } from "./make";
import { SlotSets } from "./slot-sets";
import { guestNames, type PlannedEgress, planEgress, type SlotPolicy, tableAnew } from "./table";

export type PoolParts = {
  readonly plan: NetworkPlan;
  readonly poolSize: number;
  readonly mtu: number;
  /** What a slot made now is made from. */
  readonly recipe: () => MakeSlots;
  /** Who may look up what. */
  readonly names: Pick<GuestNames, "allow" | "forget">;
  readonly log: Logger;
  readonly clock: Clock;
};

/** `egress` is the policy in force as text, or that nobody has touched the slot's rules, or that nobody knows. */
type Lease = { readonly slot: Slot; egress: string | "fresh" | "unknown" };
type Waiter = { readonly give: (index: number) => void; readonly fail: (thrown: unknown) => void };

/** Every index is in exactly one of: free, making, ready, leased, dying, left over from an earlier run. */
export class Pool {
  readonly #of: PoolParts;
  readonly #free: number[];
  readonly #ready: number[] = [];
  readonly #leased = new Map<number, Lease>();
  readonly #leftOver: Set<number>;
  readonly #dying = new Set<number>();
  readonly #waiting: Waiter[] = [];
  readonly #locks = new KeyedLock();
  readonly #sets: SlotSets;
  readonly #workers = new Set<Promise<void>>();
  readonly #making = new Set<number>();
  #graves: { readonly index: number; readonly done: () => void }[] = [];
  #digging: Promise<void> | undefined;
  #failures = 0;
  #retry: Disposable | undefined;
  #leaseCount = 0;
  #isClosed = false;

  constructor(of: PoolParts, leftOver: ReadonlySet<number>) {
    this.#of = of;
    this.#sets = new SlotSets(of.clock);
    this.#leftOver = new Set(leftOver);
    // Handed out from the front and given back at the end: an address is used again as late as possible.
    this.#free = Array.from({ length: of.plan.maxSlots }, (_, index) => index).filter((index) => !leftOver.has(index));
    this.#fill();
  }

  counts(): { ready: number; leased: number } {
    return { ready: this.#ready.length, leased: this.#leased.size };
  }

  async lease(signal: AbortSignal): Promise<Slot> {
    signal.throwIfAborted();
    if (this.#isClosed) throw networkFaults.closed({});
    const index = this.#ready.shift() ?? (await this.#wait(signal));
    return this.#hand(index, "fresh");
  }

  adopt(index: number): Slot {
    const missing = missingPart(planSlot(this.#of.plan, index));
    if (!this.#leftOver.has(index)) throw networkFaults.slot_lost({ index, missing: missing ?? "reservation" });
    if (missing !== undefined) throw networkFaults.slot_lost({ index, missing });
    this.#leftOver.delete(index);
    return this.#hand(index, "unknown");
  }

  async applyEgress(slot: Slot, policy: SlotPolicy): Promise<void> {
    const planned = planEgress(policy, this.#of.plan.resolverAddress);
    const names = guestNames(policy);
    await this.#locks.run(`${slot.index}`, async () => {
      const lease = this.#leaseOf(slot);
      if (lease === undefined) throw networkFaults.slot_unknown({ index: slot.index });
      // What a stricter policy forbids must be closed at once, what another opens only when the rest is in force.
      if (names !== undefined) this.#of.names.allow(slot.address, names);
      await this.#put(lease, planned);
      this.#of.names.allow(slot.address, names);
    });
  }

  async #put(lease: Lease, { additions, sets }: PlannedEgress): Promise<void> {
    const { slot, egress } = lease;
    if (egress === additions || (egress === "fresh" && additions === "")) return;
    lease.egress = "unknown"; // until the kernel has it
    if (egress === "unknown" || !this.#putSets(slot, sets, egress === "fresh")) {
      // Its table may be an earlier version's: it is made anew in the same transaction. Open connections are kept elsewhere.
      const table = tableAnew({ ...this.#of.recipe(), slot: planSlot(this.#of.plan, slot.index) });
      await runNft(`${table}${additions}`, slot.netnsPath);
    }
    lease.egress = additions;
  }

  /** @returns whether that was enough */
  #putSets(slot: Slot, sets: PlannedEgress["sets"], isFresh: boolean): boolean {
    try {
      this.#sets.put(slot, sets, isFresh);
      return true;
    } catch (thrown) {
      this.#of.log.warn("a slot's sets could not be changed; its table is made anew", { thrown, index: slot.index });
      return false;
    }
  }

  async release(slot: Slot): Promise<void> {
    if (this.#leaseOf(slot) === undefined) return;
    this.#leased.delete(slot.index);
    this.#of.names.forget(slot.address);
    await this.#bury(slot.index);
  }

  async sweep(keep: ReadonlySet<number>): Promise<void> {
    const found = await findSlots(this.#of.plan.tag);
    for (const index of this.#leftOver) found.add(index);
    const unwanted = [...found].filter((index) => !keep.has(index) && !this.#isOurs(index));
    for (const index of unwanted) this.#leftOver.delete(index);
    if (unwanted.length > 0) this.#of.log.info("removing network slots of an earlier run", { count: unwanted.length });
    await Promise.all(unwanted.map((index) => this.#bury(index)));
  }

  /** No new slots from here on; resolves when none is being made or destroyed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.[Symbol.dispose]();
    for (const { fail } of this.#waiting.splice(0)) fail(networkFaults.closed({}));
    await Promise.all(this.#workers);
    await this.#digging;
    this.#sets[Symbol.dispose]();
  }

  #isOurs(index: number): boolean {
    return this.#leased.has(index) || this.#ready.includes(index) || this.#making.has(index) || this.#dying.has(index);
  }

  #leaseOf(slot: Slot): Lease | undefined {
    const lease = this.#leased.get(slot.index);
    return lease?.slot.leaseId === slot.leaseId ? lease : undefined;
  }

  #hand(index: number, egress: Lease["egress"]): Slot {
    const { netnsPath, address } = planSlot(this.#of.plan, index);
    this.#leaseCount += 1;
    const slot: Slot = {
      index,
      leaseId: this.#leaseCount,
      netnsPath,
      address,
      guestCidr: GUEST.cidr,
      guestGateway: GUEST.gateway,
      hostLink: GUEST.link,
      mtu: this.#of.mtu,
    };
    this.#leased.set(index, { slot, egress });
    this.#fill();
    return slot;
  }

  #wait(signal: AbortSignal): Promise<number> {
    const { maxSlots } = this.#of.plan;
    if (this.#free.length + this.#making.size + this.#dying.size <= this.#waiting.length)
      throw networkFaults.slots_exhausted({ maxSlots });
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { give: settle(resolve), fail: settle(reject) };
      const stop = (): void => {
        const place = this.#waiting.indexOf(waiter);
        if (place >= 0) this.#waiting.splice(place, 1);
        reject(signal.reason);
      };
      function settle<T>(then: (value: T) => void): (value: T) => void {
        return (value) => {
          signal.removeEventListener("abort", stop);
          then(value);
        };
      }
      signal.addEventListener("abort", stop, { once: true });
      this.#waiting.push(waiter);
      this.#fill();
    });
  }

  #shortage(): number {
    return this.#of.poolSize + this.#waiting.length - this.#ready.length - this.#making.size;
  }

  #fill(): void {
    while (
      !this.#isClosed &&
      this.#retry === undefined &&
      this.#workers.size < limits.makeWorkers &&
      this.#shortage() > 0 &&
      this.#free.length > 0
    ) {
      const batch = this.#free.splice(0, Math.min(limits.makeBatch, this.#shortage()));
      for (const index of batch) this.#making.add(index);
      const worker: Promise<void> = this.#make(batch).finally(() => {
        this.#workers.delete(worker);
        this.#fill();
      });
      this.#workers.add(worker);
    }
  }

  async #make(batch: readonly number[]): Promise<void> {
    try {
      await makeSlots(batch, this.#of.recipe());
      this.#failures = 0;
      for (const index of batch) {
        this.#making.delete(index);
        const waiter = this.#waiting.shift();
        if (waiter === undefined) this.#ready.push(index);
        else waiter.give(index);
      }
    } catch (thrown) {
      for (const index of batch) this.#making.delete(index);
      this.#free.push(...batch);
      this.#noteFailure(thrown);
    }
  }

  #noteFailure(thrown: unknown): void {
    this.#failures += 1;
    this.#of.log.warn("cannot make network slots", { thrown, failures: this.#failures });
    if (this.#failures < limits.makeFailures) return;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    for (const { fail } of this.#waiting.splice(0)) fail(networkFaults.cannot_make({ reason }, thrown));
    this.#failures = 0;
    this.#retry = this.#of.clock.after(limits.makeRetryMs, () => {
      this.#retry = undefined;
      this.#fill();
    });
  }

  /** All that wait to be destroyed go in one run, so that a hundred releases cost little more than one. */
  #bury(index: number): Promise<void> {
    this.#dying.add(index);
    this.#sets.close(index);
    return new Promise((done) => {
      this.#graves.push({ index, done });
      this.#digging ??= this.#dig();
    });
  }

  async #dig(): Promise<void> {
    await Promise.resolve(); // lets releases of the same moment join
    while (this.#graves.length > 0) {
      const batch = this.#graves.splice(0, limits.destroyBatch);
      const indexes = batch.map(({ index }) => index);
      await destroySlots(indexes, this.#of.plan);
      await forgetFlows(
        indexes.map((index) => planSlot(this.#of.plan, index).address),
        this.#of.log,
      );
      for (const { index, done } of batch) {
        this.#dying.delete(index);
        if (index < this.#of.plan.maxSlots) this.#free.push(index);
        done();
      }
    }
    this.#digging = undefined;
    this.#fill();
  }
}
