import { describe, expect, it } from "bun:test";
import { formatSealedVm, misfits, parseSealedVm, requireFiles, type VmHost } from "./seal-format";

const HOST: VmHost = {
  qemuVersion: "7.2.22 (Debian 1:7.2)",
  accelerator: "tcg",
  cpuModel: "max",
  tscKhz: 2_445_428,
  kernel: { version: "6.1.0-56", sha256: "ab".repeat(32) },
  hardware: 1,
};
const SHAPE = { cpuCount: 1, memoryMiB: 256 };
const here = (host: Partial<VmHost> = {}, shape: Partial<typeof SHAPE> = {}) => ({
  host: { ...HOST, ...host },
  shape: { ...SHAPE, ...shape },
});

describe("what a sealed machine says of its host", () => {
  const sealed = parseSealedVm(formatSealedVm(HOST, { shape: SHAPE, layersSha256: "ef" }));

  it("fits the host it was made on, and one that differs by nothing a guest can see", () => {
    expect(misfits(sealed, here())).toEqual([]);
    expect(misfits(sealed, here({ qemuVersion: "7.2.5", tscKhz: 2_445_900 }))).toEqual([]);
  });

  it.each([
    [{ accelerator: "kvm" }, "the accelerator was tcg and is kvm"],
    [{ cpuModel: "Nehalem" }, "the CPU model was max and is Nehalem"],
    [{ qemuVersion: "10.0.2" }, "QEMU's version was 7.2 and is 10.0"],
    [{ hardware: 2 }, "the set of devices was 1 and is 2"],
    [{ kernel: { version: "6.1.0-57", sha256: "cd".repeat(32) } }, "the kernel was abababababab and is cdcdcdcdcdcd"],
    [{ tscKhz: 2_446_100 }, "the TSC ran at 2445428 kHz and runs at 2446100"],
  ] as const)("does not fit a host with %p", (host, reason) => {
    expect(misfits(sealed, here(host))).toEqual([reason]);
  });

  it("does not fit another size, and says all reasons at once", () => {
    expect(misfits(sealed, here({}, { memoryMiB: 512, cpuCount: 2 }))).toEqual([
      "the number of CPUs was 1 and is 2",
      "the memory in MiB was 256 and is 512",
    ]);
  });

  it.each([
    "",
    "null",
    "[]",
    "{}",
    '{"version":1}',
    formatSealedVm(HOST, { shape: SHAPE, layersSha256: "ef" }).replace("2445428", '"fast"'),
  ])("is refused when it is %p", (text) => {
    expect(() => parseSealedVm(text)).toThrow("cannot be used");
  });

  it("has all its files, and no others", () => {
    const file = (name: string) => ({ name, sizeBytes: 1, sha256: "" });
    const needed = ["device-state", "memory", "machine.json"].map(file);
    requireFiles([...needed, file("memory-diff")]);
    expect(() => requireFiles([...needed, file("../memory/x")])).toThrow("names a file");
    for (const { name } of needed)
      expect(() => requireFiles(needed.filter((one) => one.name !== name))).toThrow(`it has no ${name}`);
  });
});
