import { describe, expect, it } from "bun:test";
import { canonicalCidr, checkIngress, planEgress } from "./network-request";

describe(canonicalCidr, () => {
  const good: [string, string][] = [
    ["1.2.3.4", "1.2.3.4/32"],
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["255.255.255.255", "255.255.255.255/32"],
    ["192.168.1.129/25", "192.168.1.128/25"],
    ["0.0.0.0/0", "0.0.0.0/0"],
  ];
  for (const [text, cidr] of good) it(`reads ${text}`, () => expect(canonicalCidr(text)).toBe(cidr));
  const bad = [
    "",
    "0.0.0.0",
    "0.0.0.0/8",
    "1.2.3.4/0",
    "1.2.3.4/33",
    "1.2.3.4/08",
    "01.2.3.4",
    "256.1.1.1",
    "1.2.3",
    "1.2.3.4/",
    "::/0",
    "::1",
    " 1.2.3.4",
    "1.2.3.4\n",
    "1.2.3.4/-1",
    "0x1.2.3.4",
  ];
  for (const text of bad) it(`refuses ${JSON.stringify(text)}`, () => expect(canonicalCidr(text)).toBeUndefined());
});

const NOTHING = { allowedCidrs: [], deniedCidrs: [], allowedDomains: [], rules: [] };

describe(planEgress, () => {
  it("makes addresses CIDRs, once each", () => {
    const plan = planEgress({ allowOut: ["1.1.1.1", "1.1.1.1/32"], denyOut: ["0.0.0.0/0"] }, undefined);
    expect(plan).toEqual({ ...NOTHING, allowedCidrs: ["1.1.1.1/32"], deniedCidrs: ["0.0.0.0/0"] });
  });
  it("denies exactly everything without internet, and keeps what is allowed", () => {
    const plan = planEgress({ allowOut: ["1.1.1.1"], denyOut: ["10.0.0.0/8"] }, false);
    expect(plan).toEqual({ ...NOTHING, allowedCidrs: ["1.1.1.1/32"], deniedCidrs: ["0.0.0.0/0"] });
    expect(planEgress({}, true)).toEqual(NOTHING);
  });
  it("tells domains from addresses, in lower case and once each", () => {
    const plan = planEgress({ allowOut: ["*.A.com", "*.a.com", "9.9.9.9", "*"], denyOut: ["0.0.0.0/0"] }, undefined);
    expect(plan).toMatchObject({ allowedCidrs: ["9.9.9.9/32"], allowedDomains: ["*.a.com", "*"] });
    expect(planEgress({ rules: { "A.test": [{ transform: { headers: { a: "1" } } }] } }, true).rules).toEqual([
      { domain: "a.test", headers: { a: "1" } },
    ]);
  });
  it("refuses in the contract's words", () => {
    expect(() => planEgress({ allowOut: ["not a host"] }, true)).toThrow("invalid allowed address not a host");
    expect(() => planEgress({ allowOut: ["1.2.3.999"] }, true)).toThrow("invalid allowed address 1.2.3.999");
    expect(() => planEgress({ denyOut: ["example.com"] }, true)).toThrow("invalid denied CIDR example.com");
    expect(() => planEgress({ allowOut: ["*.a.com"] }, true)).toThrow("you must include 'ALL_TRAFFIC' in deny out");
  });
  it("bounds its lists", () => {
    expect(() => planEgress({ denyOut: Array.from({ length: 1_001 }, () => "1.1.1.1") }, true)).toThrow("at most 1000");
  });
});

describe(checkIngress, () => {
  for (const host of ["localhost", "a.b:80", "10.0.0.1:$" + "{PORT}", "x_y.test"]) {
    it(`takes ${host}`, () =>
      expect(checkIngress({ maskRequestHost: host }, true)).toEqual({ allowPublicTraffic: true }));
  }
  for (const host of ["", "a b", "a:0", "a:70000", "http://a", "a/b", "a\r\nX: y", "-"]) {
    it(`refuses ${JSON.stringify(host)}`, () =>
      expect(() => checkIngress({ maskRequestHost: host }, true)).toThrow("mask request host is not valid"));
  }
  it("wants ASCII, and a token for closed sandboxes", () => {
    expect(() => checkIngress({ maskRequestHost: "ü" }, true)).toThrow(
      "is not ASCII. Please use ASCII characters only.",
    );
    expect(() => checkIngress({ allowPublicTraffic: false }, false)).toThrow(
      "You cannot create a sandbox without public access",
    );
    expect(checkIngress({ allowPublicTraffic: false }, true)).toEqual({ allowPublicTraffic: false });
  });
});
