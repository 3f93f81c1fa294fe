import { describe, expect, it } from "bun:test";
import { canonicalName, matchesDomain, needsProxy, OPEN_EGRESS } from "./egress";

describe(canonicalName, () => {
  it("folds case and drops the root's dot", () => {
    expect(canonicalName("API.Example.com.")).toBe("api.example.com");
    expect(canonicalName("xn--mnchen-3ya.de")).toBe("xn--mnchen-3ya.de");
  });
  it("refuses what is no name (attack C5)", () => {
    const bad = [
      "",
      ".",
      "a..b",
      "a.com\0.evil",
      "a.com\n",
      " a.com",
      "a b.com",
      "münchen.de",
      "a.com..",
      "[::1]",
      "a/b",
    ];
    for (const text of [...bad, `${"a".repeat(64)}.com`, `${"a.".repeat(127)}com`])
      expect(canonicalName(text)).toBeUndefined();
  });
  it("refuses addresses in every spelling (attack C1)", () => {
    for (const text of ["1.2.3.4", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "::1"])
      expect(canonicalName(text)).toBeUndefined();
  });
});

describe(matchesDomain, () => {
  it("takes exact names, suffixes without their apex, and everything", () => {
    expect(matchesDomain("a.com", ["a.com"])).toBe(true);
    expect(matchesDomain("x.a.com", ["a.com"])).toBe(false);
    expect(matchesDomain("x.a.com", ["*.a.com"])).toBe(true);
    expect(matchesDomain("x.y.a.com", ["*.a.com"])).toBe(true);
    expect(matchesDomain("a.com", ["*.a.com"])).toBe(false);
    expect(matchesDomain("anything.test", ["*"])).toBe(true);
  });
  it("is not fooled by look-alikes (attack C5)", () => {
    for (const name of ["a.com.evil", "xa.com", "a.com-evil.net"])
      expect(matchesDomain(name, ["a.com", "*.a.com"])).toBe(false);
  });
});

describe(needsProxy, () => {
  it("is false for address rules alone", () => {
    expect(needsProxy({ ...OPEN_EGRESS, deniedCidrs: ["0.0.0.0/0"] })).toBe(false);
    expect(needsProxy({ ...OPEN_EGRESS, allowedDomains: ["a.com"] })).toBe(true);
  });
});
