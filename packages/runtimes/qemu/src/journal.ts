/** A machine's directory: what is written before anything is made, and read after a restart. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isThere, launchConfigIn, type MachineBasics, writeRecord } from "@sandlot/runtime-host";

export type Acceleration = "kvm" | "tcg";

export type MachineRecord = MachineBasics & {
  /** The VMM's own user and group on the host. */
  readonly uid: number;
  readonly acceleration: Acceleration;
  readonly cpuModel: string;
  /** The host's time stamp counter, as the guest was told. */
  readonly tscKHz: number;
  readonly kernel: { readonly version: string; readonly sha256: string };
  /** What QEMU sees as its root. */
  readonly tree: string;
  /** Of the machine's own writable disk and what lies below it: paths, the writable one first. */
  readonly diskChain: readonly string[];
  /** What the disk of layers is made of, newest first: guest layer, trees, the kernel's modules. Named by their content. */
  readonly layerImages: readonly string[];
};

export async function writeMachine(of: { dir: string; record: MachineRecord; launchConfig: string }): Promise<void> {
  await writeFile(launchConfigIn(of.dir), of.launchConfig);
  await writeRecord(of.dir, of.record);
}

const UP = "up";

/** Notes that a start has come to its end: only then may another process take the machine for a whole one. */
export async function markUp(dir: string): Promise<void> {
  await writeFile(join(dir, UP), "");
}

export function isUp(dir: string): Promise<boolean> {
  return isThere(join(dir, UP));
}
