import { describe, expect, it } from "bun:test";
import { OPEN_EGRESS } from "@sandlot/domain";
import { planEgress } from "./table";

describe(planEgress, () => {
  it("answers names while anything is reachable and never otherwise", () => {
    expect(planEgress(OPEN_EGRESS).text).toContain("dns accept");
    expect(planEgress({ allowedCidrs: [], deniedCidrs: ["0.0.0.0/0"] }).text).toContain("dns drop");
    expect(planEgress({ allowedCidrs: ["1.1.1.1"], deniedCidrs: ["0.0.0.0/0"] }).text).toContain("dns accept");
    // Only always-denied ranges are allowed: nothing is reachable all the same.
    expect(planEgress({ allowedCidrs: ["10.0.0.0/8"], deniedCidrs: ["0.0.0.0/1", "128.0.0.0/1"] }).text).toContain(
      "dns drop",
    );
  });

  it("merges overlapping ranges up to the last address", () => {
    const { text } = planEgress({
      allowedCidrs: [],
      deniedCidrs: ["200.0.0.0/5", "255.255.255.255", "208.0.0.0/4", "224.0.0.0/3"],
    });
    expect(text).toContain("user_deny { 200.0.0.0-255.255.255.255 }");
    expect(text).not.toContain("user_allow {");
  });

  it("is the same text for the same policy, ignores IPv6 and refuses garbage", () => {
    expect(planEgress({ allowedCidrs: ["2001:db8::/32", "::1"], deniedCidrs: ["::/0"] })).toEqual(
      planEgress(OPEN_EGRESS),
    );
    for (const bad of ["example.com", "1.2.3.4 }; flush ruleset; #", "", "1.2.3.4-5.6.7.8"])
      expect(() => planEgress({ allowedCidrs: [bad], deniedCidrs: [] })).toThrow("is not an IPv4 address or CIDR");
  });
});
