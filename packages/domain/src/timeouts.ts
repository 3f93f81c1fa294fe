/** How long a sandbox may live (behaviour §1.6). Time is an argument; all arithmetic is in milliseconds. */
import { sandboxFaults } from "./faults";
import { MIN_AUTO_RESUME_S, MIN_REFRESH_S } from "./limits";

const HOUR_MS = 3_600_000;

export type Life = { readonly startedAtMs: number; readonly endsAtMs: number; readonly maxLengthHours: number };

/** When the longest life is over that its team may have. */
export function longestEndMs({ startedAtMs, maxLengthHours }: Omit<Life, "endsAtMs">): number {
  return startedAtMs + maxLengthHours * HOUR_MS;
}

/**
 * The life asked for at creation, in milliseconds.
 * @throws Fault `sandbox_timeout_not_positive`, `sandbox_timeout_too_long`
 */
export function parseCreateTimeout({ timeoutS, maxHours }: { timeoutS: number; maxHours: number }): number {
  if (!(timeoutS > 0)) throw sandboxFaults.timeout_not_positive({});
  return parseConnectTimeout({ timeoutS, maxHours });
}

/** As above, but zero is allowed: connect takes it and changes nothing. */
export function parseConnectTimeout({ timeoutS, maxHours }: { timeoutS: number; maxHours: number }): number {
  if (timeoutS * 1000 > maxHours * HOUR_MS) throw sandboxFaults.timeout_too_long({ maxHours });
  return timeoutS * 1000;
}

export function firstLife(of: { startedAtMs: number; timeoutMs: number; maxLengthHours: number }): Life {
  const { startedAtMs, timeoutMs, maxLengthHours } = of;
  const endsAtMs = Math.min(startedAtMs + timeoutMs, longestEndMs(of));
  return { startedAtMs, endsAtMs, maxLengthHours };
}

/**
 * The new end of a running sandbox, capped at its longest allowed life.
 * @param mayShorten false for connect and refreshes, which only ever extend
 * @throws Fault `sandbox_max_length_exceeded` when that life is already over
 */
export function nextEnd(of: { life: Life; nowMs: number; timeoutMs: number; mayShorten: boolean }): number {
  const { life, nowMs, timeoutMs, mayShorten } = of;
  const lastMs = longestEndMs(life);
  if (lastMs <= nowMs) throw sandboxFaults.max_length_exceeded({});
  const endsAtMs = Math.min(nowMs + timeoutMs, lastMs);
  return mayShorten ? endsAtMs : Math.max(endsAtMs, life.endsAtMs);
}

/** `POST …/refreshes`: the default and the least are 15 s. */
export function refreshTimeoutMs(durationS: number | undefined): number {
  return Math.max(durationS ?? MIN_REFRESH_S, MIN_REFRESH_S) * 1000;
}

/** How long a sandbox lives that traffic wakes: what was asked for at creation, not over the plan, then not under the floor. */
export function autoResumeTimeoutMs({ timeoutMs, maxHours }: { timeoutMs: number; maxHours: number }): number {
  return Math.max(Math.min(timeoutMs, maxHours * HOUR_MS), MIN_AUTO_RESUME_S * 1000);
}
