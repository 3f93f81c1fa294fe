import { describe, expect, it } from "bun:test";
import { systemClock } from "@sandlot/lifetime";
import { limits } from "../limits";
import { GuestNames } from "./names";

describe(GuestNames, () => {
  it("lets a restricted source ask for its own domains only", () => {
    const names = new GuestNames(systemClock);
    names.allow("a", ["a.com", "*.b.com"]);
    expect(["a.com", "x.b.com", "b.com", "x.a.com", "evil.com"].map((name) => names.mayAsk("a", name))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(names.mayAsk("b", "evil.com")).toBe(true);
    names.forget("a");
    expect(names.mayAsk("a", "evil.com")).toBe(true);
  });
  it("refuses names as long as a tunnel's (attack C4)", () => {
    const names = new GuestNames(systemClock);
    expect(names.mayAsk("a", `${"x".repeat(63)}.${"y".repeat(63)}.${"z".repeat(63)}.evil.test`)).toBe(false);
    expect(names.mayAsk("a", `${"a.".repeat(20)}test`)).toBe(false);
  });
  it("refuses more different names below one domain than people use, for a minute (attack C4)", () => {
    let nowMs = 0;
    const names = new GuestNames({ ...systemClock, nowMs: () => nowMs });
    for (let count = 0; count < limits.dns.namesPerDomain; count += 1)
      expect(names.mayAsk("a", `n${count}.evil.test`)).toBe(true);
    expect(names.mayAsk("a", "one-more.evil.test")).toBe(false);
    expect(names.mayAsk("a", "n0.evil.test")).toBe(true); // asked before: tells nobody anything new
    expect(names.mayAsk("a", "other.test")).toBe(true);
    expect(names.mayAsk("b", "one-more.evil.test")).toBe(true);
    nowMs = 61_000;
    expect(names.mayAsk("a", "one-more.evil.test")).toBe(true);
  });
});
