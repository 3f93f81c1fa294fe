import { describe, expect, it } from "bun:test";
import { judgeVms, type VmHost } from "./virtual-machines";

const host: VmHost = {
  runtime: "qemu",
  missing: [],
  kernelVersion: "6.1.0-56-cloud-amd64",
  kernelFailure: undefined,
  hasKvm: true,
  hasTun: true,
  proven: [],
};
const stateOf = (change: Partial<VmHost>, topic: string) => {
  const found = judgeVms({ ...host, ...change }).find((one) => one.topic === topic);
  return [found?.state, found?.says ?? ""] as const;
};

describe(judgeVms, () => {
  it("finds no problem on a host of containers, and says how to have virtual machines", () => {
    const bare = {
      runtime: "container",
      missing: ["qemu-utils"],
      kernelVersion: undefined,
      hasKvm: false,
      hasTun: false,
    };
    const found = judgeVms({ ...host, ...bare });
    expect(found.filter(({ state }) => state === "problem")).toEqual([]);
    expect(found.find(({ topic }) => topic === "runtime")?.cure).toContain("--runtime container,qemu");
    expect(found.find(({ topic }) => topic === "qemu")?.cure).toContain("apt-get install");
  });

  it("tells a kernel that could not be had from one that nobody asked for", () => {
    expect(stateOf({ kernelVersion: undefined }, "guest kernel")[1]).toContain("fetches one");
    const failed = { kernelVersion: undefined, kernelFailure: "no mirror" };
    expect(stateOf(failed, "guest kernel")[1]).toContain("no mirror");
  });

  it("believes a guest that has booted, and not a device", () => {
    const proven = (acceleration: string) => [{ name: "qemu", acceleration, problems: [], isProven: true }];
    expect(stateOf({}, "acceleration")[1]).toContain("shows at the first start");
    expect(stateOf({ proven: proven("kvm") }, "acceleration")).toEqual(["good", "a guest has booted on /dev/kvm"]);
    expect(stateOf({ proven: proven("tcg") }, "acceleration")[1]).toContain("no guest boots on /dev/kvm");
    expect(stateOf({ hasKvm: false }, "acceleration")[1]).toContain("there is no /dev/kvm");
  });

  it("calls a failed trial, and a missing tap device where guests are asked for, problems", () => {
    const proven = [{ name: "qemu", acceleration: "", problems: ["the guest never said ready"], isProven: true }];
    expect(stateOf({ proven }, "qemu")[0]).toBe("good");
    expect(judgeVms({ ...host, proven }).at(-1)).toMatchObject({ topic: "qemu", state: "problem" });
    expect(stateOf({ hasTun: false }, "tap devices")[0]).toBe("problem");
  });
});
