import { describe, expect, it } from "bun:test";
import { indexIn, planNetwork, planSlot } from "./plan";

describe(planSlot, () => {
  it("pairs addresses, host even and slot odd, and keeps link names within the kernel's 15 bytes", () => {
    const plan = planNetwork({ tag: "ab12", slotCidr: "10.12.0.0/16", maxSlots: 32_767 });
    expect(planSlot(plan, 0)).toMatchObject({
      hostAddress: "10.12.0.0",
      address: "10.12.0.1",
      netns: "sandlot-ab12-0",
    });
    expect(planSlot(plan, 128)).toMatchObject({ hostAddress: "10.12.1.0", address: "10.12.1.1" });
    expect(planSlot(plan, 32_766).address).toBe("10.12.255.253");
    expect(plan.resolverAddress).toBe("10.12.255.254");
    expect(planSlot(plan, 32_766).hostLink.length).toBeLessThanOrEqual(15);
  });
});

describe(planNetwork, () => {
  it("refuses tags and ranges that cannot work", () => {
    expect(() => planNetwork({ tag: "a;rm", slotCidr: "10.12.0.0/16", maxSlots: 1 })).toThrow("tag");
    expect(() => planNetwork({ tag: "abcd", slotCidr: "10.12.0.0/24", maxSlots: 128 })).toThrow("room for 127");
  });
});

describe(indexIn, () => {
  it("reads only names of its own prefix", () => {
    expect(indexIn("slab12h7", "slab12h")).toBe(7);
    expect(indexIn("slab12h", "slab12h")).toBeUndefined();
    expect(indexIn("slab13h7", "slab12h")).toBeUndefined();
    expect(indexIn("sandlot-ab12-7x", "sandlot-ab12-")).toBeUndefined();
  });
});
