import { describe, expect, it } from "bun:test";
import { type Phase, wrongsOfRequest } from "../rules/api-rules";
import { type BootPlan, bootArgs, planBoot, planLoad, planMetadata, planSnapshot, planState } from "./boot-requests";

const PLAN: BootPlan = {
  processors: 2,
  memoryMiB: 512,
  bootArgs: "console=ttyS0",
  hostLink: "guest0",
  disks: true,
  rates: {},
  metadata: { instanceID: "m1" },
};

function wrongsOf(
  requests: readonly { method: "GET" | "PUT" | "PATCH"; path: string; body?: unknown }[],
  phase: Phase,
): string[] {
  return requests.flatMap((request) => wrongsOfRequest(request, { phase, version: [1, 8] }));
}

describe("what Firecracker is asked", () => {
  it("is within its rules, for every kind of machine", () => {
    const rates = { diskBytesPerSecond: 1 << 20, diskOperationsPerSecond: 100, networkBytesPerSecond: 1 << 20 };
    for (const plan of [PLAN, { ...PLAN, rates }, { ...PLAN, hostLink: undefined, disks: false }])
      expect(wrongsOf(planBoot(plan), "not-started")).toEqual([]);
    const [load, metadata] = planLoad({ otherLink: undefined, metadata: {} });
    expect(wrongsOf([load], "not-started")).toEqual([]);
    expect(wrongsOf([metadata, planMetadata({}), planSnapshot("Full"), planSnapshot("Diff")], "paused")).toEqual([]);
    expect(wrongsOf([planState("Paused")], "running")).toEqual([]);
    expect(wrongsOf([planState("Resumed")], "paused")).toEqual([]);
  });

  it("starts the machine last, and sets up metadata after the interface it is for", () => {
    const paths = planBoot(PLAN).map(({ path }) => path);
    expect(paths.at(-1)).toBe("/actions");
    expect(paths.indexOf("/mmds/config")).toBeGreaterThan(paths.indexOf("/network-interfaces/eth0"));
    expect(paths.indexOf("/drives/disk")).toBe(paths.indexOf("/drives/layers") + 1);
  });

  it("limits only what is to be limited", () => {
    const drive = (plan: BootPlan): unknown => planBoot(plan).find(({ path }) => path === "/drives/disk")?.body;
    expect(drive(PLAN)).not.toHaveProperty("rate_limiter");
    expect(drive({ ...PLAN, rates: { diskOperationsPerSecond: 50 } })).toHaveProperty("rate_limiter", {
      ops: { size: 50, refill_time: 1000 },
    });
  });

  it("names another tap only where it is another one", () => {
    expect(planLoad({ otherLink: undefined, metadata: {} })[0].body).not.toHaveProperty("network_overrides");
    expect(planLoad({ otherLink: "t9", metadata: {} })[0].body).toHaveProperty("network_overrides", [
      { iface_id: "eth0", host_dev_name: "t9" },
    ]);
  });

  it("tells the kernel to end by the keyboard controller, after whatever else it was told", () => {
    const slot = { guestCidr: "169.254.0.21/30", guestGateway: "169.254.0.22", mtu: 1400 };
    const words = bootArgs({ hostname: "box", slot, limits: { pidsMax: 64 }, layers: 3 }).split(" ");
    expect(words.filter((word) => word.startsWith("reboot=")).at(-1)).toBe("reboot=k");
    expect(words).toContain("sandlot.agent=vsock:1024");
  });
});
