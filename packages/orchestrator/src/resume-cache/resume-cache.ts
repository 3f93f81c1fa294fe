import { every } from "@sandlot/lifetime";
import type { NodeEvents } from "../events";
import type { Guest } from "../guests/guest";
import type { GuestEnds } from "../guests/guest-ends";
import type { SandboxRecord } from "../journal/journal";
import { limits } from "../limits";
import { type CacheRules, planCache } from "./plan-cache";

/** A paused sandbox whose frozen machine is still here. Everything of it is in its build: it may go at any moment. */
export type CachedSandbox = { readonly guest: Guest; readonly record: SandboxRecord; readonly buildId: string };

export type ResumeCacheParts = {
  readonly ends: Pick<GuestEnds, "discard">;
  readonly events: Pick<NodeEvents, "cachedDropped">;
  /** Of the host; 0 when its disk is low, which is as good a reason to give machines back. */
  readonly availableBytes: () => Promise<number>;
};

type Held = CachedSandbox & { readonly sinceMs: number; readonly memoryBytes: number };

/**
 * Frozen machines of paused sandboxes, so that resuming one here is a thaw. Bounded by number and by memory, the longest
 * unused go first. A machine leaves it exactly once, by `claim` or by being discarded; the journal knows it as `cached`
 * while it is here. Disposing of it leaves the machines for the next run.
 */
export class ResumeCache implements AsyncDisposable {
  readonly #parts: ResumeCacheParts;
  readonly #rules: CacheRules;
  /** By sandbox id: of one sandbox there is one machine at most. */
  readonly #held = new Map<string, Held>();
  #rounds: AsyncDisposable | undefined;

  constructor(of: { size: number; hostMemoryBytes: number }, parts: ResumeCacheParts) {
    this.#parts = parts;
    this.#rules = {
      size: of.size,
      maxBytes: of.hostMemoryBytes * limits.cachedMemoryShare,
      floorBytes: limits.cachedFloorBytes,
    };
  }

  /** Starts giving machines back as the host's memory asks for it. */
  start(): void {
    this.#rounds ??= every(
      limits.cachedRoundMs,
      () => this.trim(),
      () => undefined, // looked at again in a moment
    );
  }

  get count(): number {
    return this.#held.size;
  }

  list(): CachedSandbox[] {
    return [...this.#held.values()];
  }

  /** Takes a frozen machine, journaled as `cached`. It may be given back at once. */
  async put(cached: CachedSandbox): Promise<void> {
    const { sandboxId } = cached.record;
    const { guest } = cached;
    const held: Held = { ...cached, sinceMs: Date.now(), memoryBytes: 0 };
    this.#held.set(sandboxId, held);
    void guest.machine.ended.then(() => {
      const now = this.#held.get(sandboxId);
      if (now?.guest === guest) this.#drop(now, "its machine died");
    });
    const memoryBytes = await guest.machine.stats().then(
      (stats) => stats.memoryUsedBytes,
      () => 0,
    );
    if (this.#held.get(sandboxId) === held) this.#held.set(sandboxId, { ...held, memoryBytes });
    await this.trim();
  }

  /**
   * Hands over the machine of this sandbox paused as this build; the caller owns it and thaws it. A machine of another
   * state of the same sandbox is out of date, whoever asks: it is discarded.
   */
  claim(of: { sandboxId: string; buildId: string | undefined }): CachedSandbox | undefined {
    const held = this.#held.get(of.sandboxId);
    if (held === undefined) return undefined;
    if (held.buildId !== of.buildId) {
      this.#drop(held, "the sandbox is resumed from elsewhere");
      return undefined;
    }
    this.#held.delete(of.sandboxId);
    return held;
  }

  /** For builds that are no more. */
  forgetBuilds(buildIds: ReadonlySet<string>): void {
    for (const held of this.#held.values()) if (buildIds.has(held.buildId)) this.#drop(held, "its build was removed");
  }

  async trim(): Promise<void> {
    if (this.#held.size === 0) return;
    const availableBytes = await this.#parts.availableBytes();
    const cached = [...this.#held].map(([key, { sinceMs, memoryBytes }]) => ({ key, sinceMs, memoryBytes }));
    for (const key of planCache({ cached, availableBytes }, this.#rules)) {
      const held = this.#held.get(key);
      if (held !== undefined) this.#drop(held, "more are kept than there is room for");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds?.[Symbol.asyncDispose]();
  }

  #drop(held: Held, why: string): void {
    this.#held.delete(held.record.sandboxId);
    const { sandboxId } = held.record;
    this.#parts.events.cachedDropped({ sandboxId, machineId: held.guest.machineId, why });
    this.#parts.ends.discard(held.guest);
  }
}
