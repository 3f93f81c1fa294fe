/** Which names a sandbox may look up, and how many: what keeps DNS from being a way out. */
import { matchesDomain } from "@sandlot/domain";
import type { Clock } from "@sandlot/lifetime";
import { limits } from "../limits";

type Window = { readonly sinceMs: number; readonly names: Set<string> };

const WINDOW_MS = 60_000;

export class GuestNames {
  readonly #clock: Clock;
  readonly #allowed = new Map<string, readonly string[]>();
  readonly #asked = new Map<string, Map<string, Window>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param patterns undefined for all names */
  allow(source: string, patterns: readonly string[] | undefined): void {
    if (patterns === undefined) this.#allowed.delete(source);
    else this.#allowed.set(source, patterns);
  }

  /** Forgets a source: its address goes to another sandbox. */
  forget(source: string): void {
    this.#allowed.delete(source);
    this.#asked.delete(source);
  }

  /** @param name lower case, without the root's dot; escapes are not undone, so odd bytes match nothing */
  mayAsk(source: string, name: string): boolean {
    const labels = name.split(".");
    if (labels.length > limits.dns.labels || name.length > limits.dns.nameChars) return false;
    const patterns = this.#allowed.get(source);
    if (patterns !== undefined && !matchesDomain(name, patterns)) return false;
    return this.#count(source, labels.slice(-2).join("."), name);
  }

  #count(source: string, domain: string, name: string): boolean {
    const nowMs = this.#clock.nowMs();
    let domains = this.#asked.get(source);
    if (domains === undefined) {
      domains = new Map();
      this.#asked.set(source, domains);
    }
    let window = domains.get(domain);
    if (window === undefined || nowMs - window.sinceMs > WINDOW_MS || nowMs < window.sinceMs) {
      window = { sinceMs: nowMs, names: new Set() };
      domains.delete(domain);
      domains.set(domain, window);
      const [oldest] = domains.keys();
      if (domains.size > limits.dns.domainsCounted && oldest !== undefined) domains.delete(oldest);
    }
    if (window.names.has(name)) return true;
    if (window.names.size >= limits.dns.namesPerDomain) return false;
    window.names.add(name);
    return true;
  }
}
