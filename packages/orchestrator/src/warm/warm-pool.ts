import { isFault } from "@sandlot/faults";
import { sleep } from "@sandlot/lifetime";
import { type MachineShape, shapeKey } from "../config";
import type { NodeEvents } from "../events";
import type { Guest, StageTimes } from "../guests/guest";
import type { Journal } from "../journal/journal";
import { limits } from "../limits";
import { planWarm, type WarmDemand, type WarmRules } from "./plan-warm";

export type WarmParts = {
  readonly journal: Journal;
  readonly events: NodeEvents;
  /** A cold start; the pool calls it one at a time. */
  readonly start: (shape: MachineShape, times: StageTimes, signal: AbortSignal) => Promise<Guest>;
  /** Bytes of the build's sealed memory, 0 without. */
  readonly weigh: (shape: MachineShape, signal: AbortSignal) => Promise<number>;
  /** Ends and forgets a guest; repeats by itself what fails. */
  readonly discard: (guest: Guest) => void;
  /** Creates in flight: refilling steps back for them. */
  readonly isBusy: () => boolean;
  readonly availableBytes: () => Promise<number>;
};

export type WarmConfig = { readonly size: number; readonly pinned: readonly MachineShape[] };

/** `memoryBytes` is not known before the first look at the build. */
type Demand = Omit<WarmDemand, "memoryBytes"> & { memoryBytes: number | undefined };

/** `settling`: not frozen yet, so that what envd does once it has been idle for a while is not left for its claimer. */
type Warm = { readonly guest: Guest; readonly settling: AbortController; frozen: Promise<void> };

/**
 * Machines that are ready before anyone asks: started, envd up, soon frozen, nobody's. A machine leaves the pool exactly
 * once, by `claim` or by being discarded; the journal knows it as `warm` while it is here. Disposing stops refilling
 * and leaves the machines alive for the next run.
 */
export class WarmPool implements AsyncDisposable {
  readonly #parts: WarmParts;
  readonly #rules: WarmRules;
  readonly #demand = new Map<string, Demand>();
  readonly #ready = new Map<string, Warm[]>();
  readonly #making = new Map<string, number>();
  readonly #restUntilMs = new Map<string, number>();
  readonly #stop = new AbortController();
  #bell = Promise.withResolvers<void>();
  #loop: Promise<void> | undefined;
  #claimedAtMs = 0;

  constructor(config: WarmConfig, parts: WarmParts) {
    this.#parts = parts;
    this.#rules = {
      size: config.size,
      shapes: limits.warmShapes,
      idleMs: limits.warmIdleMs,
      floorBytes: limits.warmFloorBytes,
      yieldBytes: limits.warmYieldBytes,
      costBytes: limits.warmCostBytes,
      heavyBytes: limits.warmHeavyBytes,
    };
    // The first named is wanted most.
    for (const [index, shape] of config.pinned.entries())
      this.#demand.set(shapeKey(shape), {
        ...{ shape, askedAtMs: -index, isPinned: true },
        ...{ occasions: 0, memoryBytes: undefined },
      });
  }

  /** Starts keeping the pool full, in the background. */
  start(): void {
    this.#loop ??= this.#run();
  }

  get readyCount(): number {
    return [...this.#ready.values()].reduce((sum, ready) => sum + ready.length, 0);
  }

  /**
   * Notes the demand and hands over a living machine of that shape; the caller owns it and thaws it, frozen or not.
   * Undefined when there is none.
   */
  async claim(shape: MachineShape): Promise<Guest | undefined> {
    const key = shapeKey(shape);
    const known = this.#demand.get(key);
    const askedAtMs = Date.now();
    this.#claimedAtMs = askedAtMs;
    const isNew = known === undefined || askedAtMs - known.askedAtMs > limits.warmOccasionMs;
    this.#demand.set(key, {
      ...{ shape, askedAtMs, isPinned: known?.isPinned ?? false },
      ...{ occasions: (known?.occasions ?? 0) + (isNew ? 1 : 0), memoryBytes: known?.memoryBytes },
    });
    const warm = this.#ready.get(key)?.shift(); // one that died has removed itself
    this.kick();
    return warm === undefined ? undefined : await release(warm);
  }

  /** Takes over a ready machine, thawed. */
  adopt(guest: Guest): void {
    this.#admit(guest);
  }

  /** Looks at once whether there is something to do. */
  kick(): void {
    this.#bell.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the node is stopping"));
    this.kick();
    await this.#loop;
  }

  #admit(guest: Guest): void {
    const key = shapeKey(guest.shape);
    const ready = this.#ready.get(key) ?? [];
    this.#ready.set(key, ready);
    const warm: Warm = { guest, settling: new AbortController(), frozen: Promise.resolve() };
    ready.push(warm);
    void this.#freezeLater(warm);
    void guest.machine.ended.then(() => {
      const at = ready.indexOf(warm);
      if (at === -1) return; // claimed before it died: no longer ours
      ready.splice(at, 1);
      warm.settling.abort(new Error("it died"));
      this.#parts.events.warmDropped({ machineId: guest.machineId, why: "it died" });
      this.#parts.discard(guest);
      this.kick();
    });
  }

  async #freezeLater(warm: Warm): Promise<void> {
    const { guest, settling } = warm;
    await sleep(limits.warmSettleMs, AbortSignal.any([settling.signal, this.#stop.signal])).catch(() => undefined);
    if (settling.signal.aborted || this.#stop.signal.aborted) return;
    // One that cannot be frozen is still good: it merely idles.
    warm.frozen = guest.machine.freeze().catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#bell = Promise.withResolvers();
      // What fails here (the disk or the memory could not be looked at) is looked at again in the next round.
      while (!signal.aborted && (await this.#step().catch(() => false)));
      const rest = new AbortController();
      await Promise.race([this.#bell.promise, sleep(limits.warmRoundMs, rest.signal).catch(() => undefined)]);
      rest.abort(new Error("the bell rang"));
    }
  }

  /** Does the one next thing; false when there is nothing to do. */
  async #step(): Promise<boolean> {
    const nowMs = Date.now();
    for (const [key, untilMs] of this.#restUntilMs) if (untilMs <= nowMs) this.#restUntilMs.delete(key);
    this.#forgetIdle(nowMs);
    const demand: WarmDemand[] = await this.#weighed();
    const step = planWarm(
      {
        demand,
        counts: this.#counts(),
        nowMs,
        availableBytes: await this.#parts.availableBytes(),
        resting: new Set(this.#restUntilMs.keys()),
      },
      this.#rules,
    );
    if (step === undefined) return false;
    if (step.do === "drop") return this.#drop(step.key);
    const isScarce = (): boolean => {
      const ready = this.#ready.get(shapeKey(step.shape))?.length ?? 0;
      return ready < Math.max(limits.warmHurry, this.#rules.size / 4);
    };
    await (isScarce() ? this.#stepBack() : this.#untilQuiet(isScarce));
    if (this.#stop.signal.aborted) return false;
    const sinceMs = Date.now();
    await this.#make(step.shape);
    // Once there are some, half of the time is left to whoever is using the node.
    if (!isScarce())
      await sleep(Math.min(Date.now() - sinceMs, limits.warmPaceMaxMs), this.#stop.signal).catch(() => undefined);
    return true;
  }

  async #weighed(): Promise<WarmDemand[]> {
    for (const [key, demand] of [...this.#demand]) {
      if (demand.memoryBytes !== undefined) continue;
      // A build that cannot be read is not kept ready; the next round looks again.
      const memoryBytes = await this.#parts.weigh(demand.shape, this.#stop.signal).catch(() => undefined);
      const now = this.#demand.get(key);
      if (now !== undefined) this.#demand.set(key, { ...now, memoryBytes });
    }
    return [...this.#demand.values()].flatMap(({ memoryBytes, ...demand }) =>
      memoryBytes === undefined ? [] : [{ ...demand, memoryBytes }],
    );
  }

  /** A start takes as much processor as ten claims: while there is stock it waits until nobody is asking. */
  async #untilQuiet(isScarce: () => boolean): Promise<void> {
    while (!isScarce() && Date.now() < this.#claimedAtMs + limits.warmQuietMs && !this.#stop.signal.aborted)
      await sleep(100, this.#stop.signal).catch(() => undefined);
  }

  #drop(key: string): boolean {
    const warm = this.#ready.get(key)?.pop();
    if (warm === undefined) return false;
    warm.settling.abort(new Error("let go"));
    const { guest } = warm;
    this.#parts.events.warmDropped({ machineId: guest.machineId, why: "not wanted any more, or memory is short" });
    this.#parts.discard(guest);
    return true;
  }

  /** The list of what was asked for must not grow with every build ever started. */
  #forgetIdle(nowMs: number): void {
    for (const [key, demand] of this.#demand)
      if (!demand.isPinned && nowMs - demand.askedAtMs >= this.#rules.idleMs) this.#demand.delete(key);
  }

  async #make(shape: MachineShape): Promise<void> {
    const key = shapeKey(shape);
    const times: StageTimes = {};
    this.#making.set(key, 1);
    try {
      const guest = await this.#parts.start(shape, times, this.#stop.signal);
      this.#parts.journal.setMachineState(guest.machineId, "warm");
      this.#admit(guest);
      const ready = this.#ready.get(key)?.length ?? 0;
      this.#parts.events.warmReady({ shape, machineId: guest.machineId, ready, times });
    } catch (thrown) {
      if (this.#stop.signal.aborted) return;
      this.#restUntilMs.set(key, Date.now() + limits.warmRetryMs);
      // A build that is gone, as a pause does away with the one before, will not come back: whoever asks for it is heard anew.
      if (isFault(thrown, "node_files_missing") && this.#demand.get(key)?.isPinned === false) this.#demand.delete(key);
      this.#parts.events.warmFailed({ shape, thrown });
    } finally {
      this.#making.delete(key);
    }
  }

  /** Live requests first, but a steady stream of them must not starve the pool. */
  async #stepBack(): Promise<void> {
    const untilMs = Date.now() + limits.warmStepBackMs;
    while (this.#parts.isBusy() && Date.now() < untilMs && !this.#stop.signal.aborted)
      await sleep(20, this.#stop.signal).catch(() => undefined);
  }

  #counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [key, ready] of this.#ready) counts.set(key, ready.length);
    for (const [key, making] of this.#making) counts.set(key, (counts.get(key) ?? 0) + making);
    return counts;
  }
}

/** No freeze may come after the claimer's thaw: one under way is waited for, a later one called off. */
async function release({ guest, settling, ...warm }: Warm): Promise<Guest> {
  settling.abort(new Error("claimed"));
  await warm.frozen;
  return guest;
}
