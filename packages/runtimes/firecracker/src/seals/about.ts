/** What must be the same where sealed memory is brought up again. */
import { readFile } from "node:fs/promises";
import { type MachineLimits, machineFaults } from "@sandlot/runtime-contract";

/** First part: ours, second: the processor. Raise the number when an older reader could not restore. */
export const SEAL_FORMAT = `sandlot-firecracker-1/${process.arch}`;

export type About = {
  /** Its snapshots are read by the very same version only: other ones promise it for some of theirs, and are not proven. */
  readonly firecracker: string;
  /** Firecracker restores on the same processor model; on another one programs meet features that are not there. */
  readonly processor: string;
  readonly kernel: { readonly version: string; readonly sha256: string };
  /** Checksum of the guest layer's image: what the guest holds of it in memory must be what lies on the disk. */
  readonly guestLayer: string;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly hostLink: string;
};

/** A guest has whole ones; a share of one is the cgroup's business. */
export function processorsOf({ cpuCount }: Pick<MachineLimits, "cpuCount">): number {
  return Math.max(1, Math.ceil(cpuCount));
}

/** Pure. @param cpuinfo as of proc(5) */
export function processorIn(cpuinfo: string): string {
  const value = (key: string): string => new RegExp(`^${key}\\s*:\\s*(.*)$`, "m").exec(cpuinfo)?.[1] ?? "";
  const x86 = ["vendor_id", "cpu family", "model", "stepping"].map(value);
  const arm = ["CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision"].map(value);
  return (x86.some((word) => word !== "") ? x86 : arm).join(" ");
}

export async function readProcessor(): Promise<string> {
  return processorIn(await readFile("/proc/cpuinfo", "utf8"));
}

/** @throws Fault `machine_seal_unreadable` */
export function parseAbout(text: string): About {
  const broken = machineFaults.seal_unreadable({ reason: "it does not say what machine it is of" });
  let about: Partial<About> | null;
  try {
    about = JSON.parse(text) as Partial<About> | null;
  } catch {
    throw broken;
  }
  const texts = [
    about?.firecracker,
    about?.processor,
    about?.hostLink,
    about?.kernel?.version,
    about?.kernel?.sha256,
    about?.guestLayer,
  ];
  const numbers = [about?.cpuCount, about?.memoryMiB];
  if (texts.some((word) => typeof word !== "string") || numbers.some((number) => typeof number !== "number"))
    throw broken;
  return about as About;
}

/** What this host has for a machine that is to be brought up. */
export type Here = {
  readonly processor: string;
  readonly kernel: string;
  readonly guestLayer: string;
  readonly limits: MachineLimits;
  readonly versions: readonly string[];
};

/** Pure. @throws Fault `machine_seal_unreadable` naming the first thing that does not fit */
export function checkFit(about: About, here: Here): void {
  const refuse = (reason: string): Error => machineFaults.seal_unreadable({ reason });
  if (about.processor !== here.processor)
    throw refuse(`it is of a processor '${about.processor}', and this host has '${here.processor}'`);
  if (about.kernel.sha256 !== here.kernel) throw refuse(`its guest kernel ${about.kernel.version} is not this node's`);
  if (about.guestLayer !== here.guestLayer) throw refuse("it has another guest layer than it was sealed with");
  if (!here.versions.includes(about.firecracker))
    throw refuse(`it is of Firecracker ${about.firecracker}, which is not among the versions of this node`);
  if (about.cpuCount !== processorsOf(here.limits) || about.memoryMiB !== here.limits.memoryMiB)
    throw refuse(`it has ${about.cpuCount} processors and ${about.memoryMiB} MiB, and others were asked for`);
}
