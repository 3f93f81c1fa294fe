import { describe, expect, it } from "bun:test";
import { type AddressPolicy, OPEN_EGRESS } from "@sandlot/domain";
import { planNetwork, planSlot } from "../address/plan";
import * as table from "./table";

const RESOLVER = "10.12.255.254";
const planEgress = (policy: AddressPolicy): table.PlannedEgress => table.planEgress(policy, RESOLVER);

describe("planEgress", () => {
  it("answers names while anything is reachable and never otherwise", () => {
    expect(planEgress(OPEN_EGRESS).additions).not.toContain("dns_closed");
    expect(planEgress({ allowedCidrs: [], deniedCidrs: ["0.0.0.0/0"] }).additions).toContain(
      "dns_closed { 10.12.255.254 }",
    );
    expect(planEgress({ allowedCidrs: ["1.1.1.1"], deniedCidrs: ["0.0.0.0/0"] }).additions).not.toContain("dns_closed");
    // Only always-denied ranges are allowed: nothing is reachable all the same.
    expect(planEgress({ allowedCidrs: ["10.0.0.0/8"], deniedCidrs: ["0.0.0.0/1", "128.0.0.0/1"] }).additions).toContain(
      "dns_closed { 10.12.255.254 }",
    );
  });

  it("merges overlapping ranges up to the last address", () => {
    const { additions } = planEgress({
      allowedCidrs: [],
      deniedCidrs: ["200.0.0.0/5", "255.255.255.255", "208.0.0.0/4", "224.0.0.0/3"],
    });
    expect(additions).toContain("user_deny { 200.0.0.0-255.255.255.255 }");
    expect(additions).not.toContain("user_allow {");
  });

  it("has nothing to add for the open policy, and names every set in any", () => {
    expect(planEgress(OPEN_EGRESS).additions).toBe("");
    const names = planEgress(OPEN_EGRESS).sets.map(({ set }) => set);
    const plan = planNetwork({ tag: "test", slotCidr: "10.12.0.0/16", maxSlots: 4 });
    const rules = table.slotTable({
      ...{ plan, slot: planSlot(plan, 0), denied: [], predefined: [], deniedTcpPorts: [] },
      throttle: { flows: 1, newFlowsPerSecond: 0, kibPerSecond: 0 },
    });
    const made = [...rules.matchAll(/set (\w+) \{/g)].map(([, name]) => name);
    expect([...names, "denied", "predefined"].toSorted()).toEqual(made.toSorted() as string[]);
  });

  it("is the same text for the same policy, ignores IPv6 and refuses garbage", () => {
    expect(planEgress({ allowedCidrs: ["2001:db8::/32", "::1"], deniedCidrs: ["::/0"] })).toEqual(
      planEgress(OPEN_EGRESS),
    );
    for (const bad of ["example.com", "1.2.3.4 }; flush ruleset; #", "", "1.2.3.4-5.6.7.8"])
      expect(() => planEgress({ allowedCidrs: [bad], deniedCidrs: [] })).toThrow("is not an IPv4 address or CIDR");
  });
});
