/** What a seal's `memory/` holds, and on which hosts it can be brought up again. */
import { machineFaults, type SealedFile } from "@sandlot/runtime-contract";

/** Raise the number when an older reader could not restore. */
export const SEAL_FORMAT = `sandlot-qemu-1/${process.arch}`;

export const SEAL_FILES = {
  /** Registers and devices, as QEMU wrote them. */
  deviceState: "device-state",
  /** The guest's memory as a sparse file; never changed, linked into the seals of machines that were mapped from it. */
  memory: "memory",
  /** Pages that differ from `memory`; absent when it holds all. */
  diff: "memory-diff",
  machine: "machine.json",
} as const;

/** Bounds of what is read whole: a seal may have been fetched from somewhere. */
export const DEVICE_STATE_MAX_BYTES = 16 << 20;
const MACHINE_MAX_BYTES = 64 << 10;

/** What of a host a guest has seen, and must find again. */
export type VmHost = {
  readonly qemuVersion: string;
  readonly accelerator: "kvm" | "tcg";
  readonly cpuModel: string;
  /** The host's; a software CPU shows it to its guest as it is. */
  readonly tscKhz: number;
  readonly kernel: { readonly version: string; readonly sha256: string };
  /** Raised whenever the devices or their order change. */
  readonly hardware: number;
};

export type VmShape = { readonly cpuCount: number; readonly memoryMiB: number };

/** Of the disk of layers: its tables, which say where each image begins and ends, and the images' names. */
type VmLayers = { readonly layersSha256: string };

export type SealedVm = { readonly version: 1 } & VmHost & VmShape & VmLayers;

export function formatSealedVm(host: VmHost, of: { shape: VmShape } & VmLayers): string {
  const { cpuCount, memoryMiB } = of.shape;
  const sealed: SealedVm = { version: 1, ...host, cpuCount, memoryMiB, layersSha256: of.layersSha256 };
  return `${JSON.stringify(sealed, null, 2)}\n`;
}

const refuse = (reason: string, cause?: unknown) => machineFaults.seal_unreadable({ reason }, cause);

/** Pure. @throws Fault `machine_seal_unreadable` */
export function parseSealedVm(text: string): SealedVm {
  if (text.length > MACHINE_MAX_BYTES) throw refuse(`${SEAL_FILES.machine} is too long`);
  let found: Partial<Record<keyof SealedVm, unknown>> | null;
  try {
    found = JSON.parse(text);
  } catch (thrown) {
    throw refuse(`${SEAL_FILES.machine} is not JSON`, thrown);
  }
  const kernel = found?.kernel as Partial<VmHost["kernel"]> | undefined;
  const texts = [
    found?.qemuVersion,
    found?.accelerator,
    found?.cpuModel,
    kernel?.version,
    kernel?.sha256,
    found?.layersSha256,
  ];
  const numbers = [found?.tscKhz, found?.hardware, found?.cpuCount, found?.memoryMiB];
  const isWhole = found?.version === 1 && texts.every((one) => typeof one === "string");
  if (!isWhole || !numbers.every((one) => Number.isSafeInteger(one) && (one as number) >= 0))
    throw refuse(`${SEAL_FILES.machine} does not describe a machine`);
  return found as SealedVm;
}

/** A software CPU's clock runs at the host's rate, and the guest has measured another: 250 parts in a million it can bear. */
const TSC_TOLERANCE = 250e-6;

/** Pure. What keeps a sealed machine from going on here, in words; empty when nothing does. */
export function misfits(sealed: SealedVm, here: { host: VmHost; shape: VmShape }): string[] {
  const { host, shape } = here;
  const differing = (what: string, its: string | number, ours: string | number): string[] =>
    its === ours ? [] : [`${what} was ${its} and is ${ours}`];
  const drift = Math.abs(sealed.tscKhz - host.tscKhz);
  return [
    ...differing("the accelerator", sealed.accelerator, host.accelerator),
    ...differing("the CPU model", sealed.cpuModel, host.cpuModel),
    ...differing("QEMU's version", majorOf(sealed.qemuVersion), majorOf(host.qemuVersion)),
    ...differing("the set of devices", sealed.hardware, host.hardware),
    ...differing("the kernel", sealed.kernel.sha256.slice(0, 12), host.kernel.sha256.slice(0, 12)),
    ...differing("the number of CPUs", sealed.cpuCount, shape.cpuCount),
    ...differing("the memory in MiB", sealed.memoryMiB, shape.memoryMiB),
    ...(drift > host.tscKhz * TSC_TOLERANCE ? [`the TSC ran at ${sealed.tscKhz} kHz and runs at ${host.tscKhz}`] : []),
  ];
}

/** Fixes do not change what is written; `7.2.22 (Debian …)` reads what `7.2.5` wrote. */
function majorOf(version: string): string {
  return /^\d+\.\d+/.exec(version)?.[0] ?? version;
}

/** @throws Fault `machine_seal_unreadable` for files that no seal of ours has, or that it lacks */
export function requireFiles(files: readonly SealedFile[]): void {
  const ours: readonly string[] = Object.values(SEAL_FILES);
  const bad = files.find(({ name }) => !ours.includes(name));
  if (bad !== undefined) throw refuse(`it names a file ${JSON.stringify(bad.name)}`);
  for (const name of [SEAL_FILES.deviceState, SEAL_FILES.memory, SEAL_FILES.machine])
    if (files.filter((file) => file.name === name).length !== 1) throw refuse(`it has no ${name}`);
}
