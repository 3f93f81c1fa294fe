/** A machine's directory: what is written before anything is made, and read after a restart. */
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LayerRef, MachineLimits, MachineSlot } from "@sandlot/runtime-contract";
import { qemuFaults } from "./faults";

export type Acceleration = "kvm" | "tcg";

export type MachineRecord = {
  readonly version: 1;
  readonly machineId: string;
  readonly buildId: string;
  readonly limits: MachineLimits;
  /** None for a trial machine. */
  readonly slot: MachineSlot | null;
  readonly hostname: string;
  /** The VMM's own user and group on the host. */
  readonly uid: number;
  /** What it was asked to be started from, newest first. */
  readonly layers: readonly LayerRef[];
  readonly guestLayerDir: string;
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
  /** Of the host: process ids mean nothing after it booted anew. */
  readonly hostBootId: string;
};

const MACHINE_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const HOSTNAME = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** @throws Fault `qemu_bad_request` for names that could leave the directory or break a file */
export function checkNames(of: { machineId: string; hostname: string }): void {
  if (!MACHINE_ID.test(of.machineId)) throw qemuFaults.bad_request({ what: `machine id ${of.machineId}` });
  if (!HOSTNAME.test(of.hostname)) throw qemuFaults.bad_request({ what: `hostname ${of.hostname}` });
}

export type LaunchPair = readonly [string, string | number | undefined];

/** The launcher's configuration, one `key=value` per line.
 * @throws Fault `qemu_bad_request` when a value holds a line break */
export function formatLaunchConfig(pairs: readonly LaunchPair[]): string {
  const lines = pairs.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
  const broken = lines.find((line) => line.includes("\n"));
  if (broken !== undefined) throw qemuFaults.bad_request({ what: `a line break in ${JSON.stringify(broken)}` });
  return `${lines.join("\n")}\n`;
}

export async function writeMachine(of: { dir: string; record: MachineRecord; launchConfig: string }): Promise<void> {
  await writeFile(join(of.dir, "launch.conf"), of.launchConfig);
  await writeFile(join(of.dir, "machine.json"), JSON.stringify(of.record));
}

export async function readMachine(dir: string): Promise<MachineRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(dir, "machine.json"), "utf8")) as MachineRecord;
    return record.version === 1 ? record : undefined;
  } catch {
    return undefined; // cut short by a crash, or never written: the sweep removes it
  }
}

const UP = "up";

/** Notes that a start has come to its end: only then may another process take the machine for a whole one. */
export async function markUp(dir: string): Promise<void> {
  await writeFile(join(dir, UP), "");
}

export async function isUp(dir: string): Promise<boolean> {
  return stat(join(dir, UP)).then(
    () => true,
    () => false,
  );
}

export async function machineIdsIn(machinesDir: string): Promise<string[]> {
  return readdir(machinesDir).catch(() => []);
}

/** How the guest's init ended, as the launcher wrote it down. */
export async function readGuestEnd(dir: string): Promise<{ exitCode: number; oomKills: number } | undefined> {
  try {
    return JSON.parse(await readFile(join(dir, "exit.json"), "utf8")) as { exitCode: number; oomKills: number };
  } catch {
    return undefined;
  }
}
