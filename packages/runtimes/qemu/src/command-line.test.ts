import { describe, expect, it } from "bun:test";
import { cpuModelFor, type QemuPlan, qemuCommandLine } from "./command-line";

const PLAN: QemuPlan = {
  acceleration: "tcg",
  cpuModel: cpuModelFor("tcg"),
  cpuCount: 1,
  memoryMiB: 256,
  blockNodes: [{ driver: "vmdk" }, { driver: "qcow2" }],
  disks: ["layers", "disk"],
  files: [
    { path: "/a", mode: "ro" },
    { path: "/b", mode: "rw" },
  ],
  network: true,
  from: { kind: "boot", commandLine: "quiet" },
};

const devices = (words: readonly string[]): string[] => words.filter((_, at) => words[at - 1] === "-device");

describe(qemuCommandLine, () => {
  it("has the same devices in the same order for a boot and for a restore", () => {
    const boot = qemuCommandLine(PLAN);
    const restore = qemuCommandLine({ ...PLAN, from: { kind: "restore" } });
    expect(devices(restore)).toEqual(devices(boot));
    expect(restore).not.toContain("-kernel");
    expect(restore.join(" ")).toContain("-incoming defer");
    expect(restore.join(" ")).toContain('"mem-path":"/m/memory","share":false');
  });

  it("names no path of the host's", () => {
    const words = qemuCommandLine(PLAN).join(" ");
    for (const { path } of PLAN.files) expect(words).not.toContain(`${path} `);
    expect(words).toContain("-add-fd fd=20,set=20 -add-fd fd=21,set=21");
  });

  it("always has QEMU's own filter on, and never what gives a guest a way to run machines itself", () => {
    for (const acceleration of ["kvm", "tcg"] as const) {
      const words = qemuCommandLine({ ...PLAN, acceleration, cpuModel: cpuModelFor(acceleration) }).join(" ");
      expect(words).toContain("-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
      expect(words).toContain("-vmx");
    }
  });
});
