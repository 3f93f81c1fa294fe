import { describe, expect, it } from "bun:test";
import { OPEN_EGRESS } from "@sandlot/domain";
import { compilePolicy, isDecidedByAddress, judge, judgeAddress } from "./judge";

const rule = { domain: "api.test", headers: { a: "1" } };
const policy = (of: Partial<typeof OPEN_EGRESS>) => compilePolicy({ ...OPEN_EGRESS, ...of });
const tls = (name: string | undefined) => ({ protocol: "tls", name }) as const;

describe(judge, () => {
  const strict = policy({
    allowedDomains: ["a.test", "*.b.test"],
    allowedCidrs: ["9.9.9.0/24"],
    deniedCidrs: ["0.0.0.0/0"],
  });
  it("takes an allowed domain first, then an allowed CIDR, then a denied one", () => {
    expect(judge(strict, tls("a.test"), "1.1.1.1")).toEqual({
      do: "dial_name",
      name: "a.test",
      reason: "allowed_domain",
    });
    expect(judge(strict, tls("x.b.test"), "9.9.9.9")).toMatchObject({ do: "dial_name" });
    expect(judge(strict, tls("evil.test"), "9.9.9.9")).toEqual({ do: "dial_address", reason: "allowed_cidr" });
    for (const name of ["evil.test", "b.test", "a.test.evil", undefined])
      expect(judge(strict, tls(name), "1.1.1.1")).toEqual({ do: "refuse", reason: "denied_cidr" });
    expect(judge(policy({ deniedCidrs: ["1.0.0.0/8"] }), tls("a.test"), "2.2.2.2")).toEqual({
      do: "dial_address",
      reason: "default",
    });
  });
  it("a denied range may end with the last address (attack C6)", () => {
    const denied = policy({ deniedCidrs: ["255.255.255.0/24", "128.0.0.0/1"] });
    expect(judgeAddress(denied, "255.255.255.255").isAllowed).toBe(false);
    expect(judgeAddress(denied, "127.255.255.255").isAllowed).toBe(true);
  });
  it("rewrites requests only towards what is allowed anyway", () => {
    expect(judge(policy({ rules: [rule] }), tls("api.test"), "1.1.1.1")).toEqual({
      do: "transform",
      rule,
      reason: "default",
    });
    const closed = policy({ rules: [rule], deniedCidrs: ["0.0.0.0/0"] });
    expect(judge(closed, tls("api.test"), "1.1.1.1")).toMatchObject({ do: "refuse" });
    expect(judge(policy({ rules: [rule] }), tls("x.api.test"), "1.1.1.1")).toMatchObject({ do: "dial_address" });
    expect(judge(policy({ rules: [rule] }), tls(undefined), "1.1.1.1")).toMatchObject({ do: "dial_address" });
  });
  it("knows when the first bytes cannot matter", () => {
    expect(isDecidedByAddress(strict, "9.9.9.9")).toBe(true);
    expect(isDecidedByAddress(strict, "1.1.1.1")).toBe(false);
    expect(isDecidedByAddress(policy({ rules: [rule] }), "1.1.1.1")).toBe(false);
    expect(isDecidedByAddress(policy({}), "1.1.1.1")).toBe(true);
  });
});
