import type { Upstream } from "./upstream";

/** Kept connections by address and port, newest first: the old ones get to lapse. */
export class UpstreamPool {
  /** By port, then by address. */
  readonly #idle = new Map<number, Map<string, Upstream[]>>();
  readonly #perUpstreamMax: number;

  constructor(perUpstreamMax: number) {
    this.#perUpstreamMax = perUpstreamMax;
  }

  take(address: string, port: number): Upstream | undefined {
    const kept = this.#idle.get(port)?.get(address);
    for (;;) {
      const upstream = kept?.pop();
      if (upstream === undefined || !upstream.isClosed) return upstream;
    }
  }

  put(address: string, port: number, upstream: Upstream, nowMs: number): void {
    const kept = this.#keptOf(address, port);
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

  #keptOf(address: string, port: number): Upstream[] {
    const byAddress = this.#idle.get(port) ?? new Map<string, Upstream[]>();
    const kept = byAddress.get(address) ?? [];
    if (kept.length === 0) {
      this.#idle.set(port, byAddress);
      byAddress.set(address, kept);
    }
    return kept;
  }

  /** Closes those that have been idle since before `beforeMs`. */
  sweep(beforeMs: number): void {
    for (const [port, byAddress] of this.#idle) {
      for (const [address, kept] of byAddress) {
        const live = kept.filter((upstream) => !upstream.isClosed);
        const stay = live.filter((upstream) => upstream.idleSinceMs >= beforeMs);
        for (const upstream of live) if (upstream.idleSinceMs < beforeMs) upstream.cut();
        if (stay.length === 0) byAddress.delete(address);
        else byAddress.set(address, stay);
      }
      if (byAddress.size === 0) this.#idle.delete(port);
    }
  }
}
