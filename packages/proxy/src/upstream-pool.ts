import type { Upstream } from "./upstream";

/** Kept connections by address and port, newest first: the old ones get to lapse. */
export class UpstreamPool {
  readonly #idle = new Map<string, Upstream[]>();
  readonly #perUpstreamMax: number;

  constructor(perUpstreamMax: number) {
    this.#perUpstreamMax = perUpstreamMax;
  }

  take(address: string, port: number): Upstream | undefined {
    const kept = this.#idle.get(`${address} ${port}`);
    for (;;) {
      const upstream = kept?.pop();
      if (upstream === undefined || !upstream.isClosed) return upstream;
    }
  }

  put(address: string, port: number, upstream: Upstream, nowMs: number): void {
    const name = `${address} ${port}`;
    const kept = this.#idle.get(name) ?? [];
    this.#idle.set(name, kept);
    if (kept.length >= this.#perUpstreamMax) {
      upstream.cut();
      return;
    }
    upstream.user = undefined;
    upstream.isReused = true;
    upstream.idleSinceMs = nowMs;
    upstream.expectSilence();
    kept.push(upstream);
  }

  /** Closes those that have been idle since before `beforeMs`. */
  sweep(beforeMs: number): void {
    for (const [name, kept] of this.#idle) {
      const live = kept.filter((upstream) => !upstream.isClosed);
      const stay = live.filter((upstream) => upstream.idleSinceMs >= beforeMs);
      for (const upstream of live) if (upstream.idleSinceMs < beforeMs) upstream.cut();
      if (stay.length === 0) this.#idle.delete(name);
      else this.#idle.set(name, stay);
    }
  }
}
