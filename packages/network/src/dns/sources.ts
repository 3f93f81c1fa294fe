/** What each sandbox has used of the resolver, told apart by its slot address. */
import type { Clock } from "@sandlot/lifetime";
import { limits } from "../limits";

type Source = { tokens: number; atMs: number; inFlight: number; connections: number };

export class Sources {
  readonly #clock: Clock;
  readonly #seen = new Map<string, Source>();
  #inFlight = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes one query from this source's allowance; false when it must wait. */
  mayAsk(address: string): boolean {
    const source = this.#of(address);
    const nowMs = this.#clock.nowMs();
    const gained = (Math.max(nowMs - source.atMs, 0) / 1000) * limits.dns.ratePerSecond;
    source.tokens = Math.min(source.tokens + gained, limits.dns.rateBurst);
    source.atMs = nowMs;
    if (source.tokens < 1) return false;
    source.tokens -= 1;
    return true;
  }

  /** A place among the queries that wait for an upstream, or undefined when all are taken. Dispose of it when answered. */
  enter(address: string): Disposable | undefined {
    const source = this.#of(address);
    if (source.inFlight >= limits.dns.inFlightPerSource || this.#inFlight >= limits.dns.inFlight) return undefined;
    source.inFlight += 1;
    this.#inFlight += 1;
    return {
      [Symbol.dispose]: () => {
        source.inFlight -= 1;
        this.#inFlight -= 1;
      },
    };
  }

  /** A place among a source's TCP connections, or undefined when it has enough. */
  connect(address: string): Disposable | undefined {
    const source = this.#of(address);
    if (source.connections >= limits.dns.tcpPerSource) return undefined;
    source.connections += 1;
    return {
      [Symbol.dispose]: () => {
        source.connections -= 1;
      },
    };
  }

  #of(address: string): Source {
    let source = this.#seen.get(address);
    if (source === undefined)
      source = { tokens: limits.dns.rateBurst, atMs: this.#clock.nowMs(), inFlight: 0, connections: 0 };
    else this.#seen.delete(address);
    this.#seen.set(address, source); // newest last
    for (const [oldest, { inFlight, connections }] of this.#seen) {
      if (this.#seen.size <= limits.dns.sources) break;
      if (inFlight === 0 && connections === 0) this.#seen.delete(oldest);
    }
    return source;
  }
}
