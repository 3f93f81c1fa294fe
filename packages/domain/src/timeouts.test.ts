import { describe, expect, it } from "bun:test";
import { firstLife, nextEnd, parseConnectTimeout, parseCreateTimeout, refreshTimeoutMs } from "./timeouts";

const HOUR_MS = 3_600_000;

describe(parseCreateTimeout, () => {
  it("takes up to the plan's hours", () => expect(parseCreateTimeout({ timeoutS: 3600, maxHours: 1 })).toBe(HOUR_MS));
  for (const timeoutS of [0, -1, Number.NaN]) {
    it(`refuses ${timeoutS}`, () =>
      expect(() => parseCreateTimeout({ timeoutS, maxHours: 1 })).toThrow("Timeout must be greater than 0"));
  }
  for (const timeoutS of [3601, 2 ** 31, Number.POSITIVE_INFINITY]) {
    it(`refuses ${timeoutS}`, () =>
      expect(() => parseCreateTimeout({ timeoutS, maxHours: 1 })).toThrow("Timeout cannot be greater than 1 hours"));
  }
  it("lets connect ask for zero", () => expect(parseConnectTimeout({ timeoutS: 0, maxHours: 1 })).toBe(0));
});

describe(nextEnd, () => {
  const life = firstLife({ startedAtMs: 1_000, timeoutMs: 60_000, maxLengthHours: 1 });
  const end = (timeoutMs: number, mayShorten: boolean, nowMs = 11_000) =>
    nextEnd({ life, nowMs, timeoutMs, mayShorten });
  it("is from now, shorter too if that is allowed", () => {
    expect(end(5_000, true)).toBe(16_000);
    expect(end(5_000, false)).toBe(61_000);
    expect(end(0, true)).toBe(11_000);
  });
  it("is capped at the longest life, counted from the start", () => {
    expect(end(2 ** 31 * 1000, true)).toBe(1_000 + HOUR_MS);
    expect(end(2 * HOUR_MS, false)).toBe(1_000 + HOUR_MS);
  });
  it("is refused once that is over", () => {
    expect(() => end(1_000, true, 1_000 + HOUR_MS)).toThrow("Max instance length exceeded");
  });
  it("cannot begin beyond the cap either", () => {
    const capped = firstLife({ startedAtMs: 0, timeoutMs: 5 * HOUR_MS, maxLengthHours: 1 });
    expect(capped.endsAtMs).toBe(HOUR_MS);
  });
});

it("refreshes by at least 15 s", () => {
  expect([undefined, 0, 14, 16].map(refreshTimeoutMs)).toEqual([15_000, 15_000, 15_000, 16_000]);
});
