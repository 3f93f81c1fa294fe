/** Answers kept as long as their TTL allows, shared by all sandboxes of the node: what is in it came from our upstreams. */
import type { Clock } from "@sandlot/lifetime";
import { limits } from "../limits";
import { isTruncated, RCODE, rcodeOf, readLifetimes } from "./message";

type Kept = {
  readonly answer: Buffer;
  readonly offsets: readonly number[];
  readonly sinceMs: number;
  readonly untilMs: number;
};

export class AnswerCache {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The answer with its TTLs grown older, or undefined. */
  read(key: string): Buffer | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    const nowMs = this.#clock.nowMs();
    if (nowMs >= kept.untilMs || nowMs < kept.sinceMs) {
      this.#kept.delete(key);
      return undefined;
    }
    const answer = Buffer.from(kept.answer);
    const agedSeconds = Math.floor((nowMs - kept.sinceMs) / 1000);
    for (const at of kept.offsets) answer.writeUInt32BE(Math.max(answer.readUInt32BE(at) - agedSeconds, 0), at);
    return answer;
  }

  keep(key: string, answer: Buffer): void {
    const seconds = secondsToKeep(answer);
    if (seconds === undefined) return;
    const sinceMs = this.#clock.nowMs();
    this.#kept.delete(key);
    this.#kept.set(key, { answer, offsets: seconds.offsets, sinceMs, untilMs: sinceMs + seconds.count * 1000 });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= limits.dns.cacheEntries) break;
      this.#kept.delete(oldest);
    }
  }
}

function secondsToKeep(answer: Buffer): { count: number; offsets: readonly number[] } | undefined {
  const rcode = rcodeOf(answer);
  if (isTruncated(answer) || (rcode !== 0 && rcode !== RCODE.nxDomain)) return undefined;
  const lifetimes = readLifetimes(answer);
  if (lifetimes?.minSeconds === undefined) return undefined;
  const isNegative = lifetimes.answerCount === 0 || rcode === RCODE.nxDomain;
  const most = isNegative ? limits.dns.negativeSeconds : limits.dns.cacheSeconds;
  const count = Math.min(lifetimes.minSeconds, most);
  return count > 0 ? { count, offsets: lifetimes.offsets } : undefined;
}
