/** A machine's directory: what is written before anything is made, and read after a restart. */
import { createHash } from "node:crypto";
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LayerRef, MachineLimits, MachineSlot } from "@sandlot/runtime-contract";
import type { Metadata } from "./api/boot-requests";
import { firecrackerFaults } from "./faults";

export type MachineRecord = {
  readonly version: 1;
  readonly machineId: string;
  readonly buildId: string;
  readonly limits: MachineLimits;
  readonly slot: MachineSlot | null;
  readonly hostname: string;
  readonly userId: number;
  /** Of the Firecracker that runs it. */
  readonly firecracker: string;
  readonly layers: readonly LayerRef[];
  readonly guestLayerDir: string;
  /** Of the image made of it. */
  readonly guestLayerSha256: string;
  /** Composed files it was started from: kept as long as it lives. */
  readonly files: readonly string[];
  /** One of them: what its disk is compared with. */
  readonly diskBase: string;
  /** Its start is complete: whoever finds it later may take it over. */
  readonly isUp: boolean;
  readonly kernel: { readonly version: string; readonly sha256: string };
  readonly metadata: Metadata;
  /** Of the host: process ids mean nothing after it booted anew. */
  readonly hostBootId: string;
};

const MACHINE_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const HOSTNAME = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** @throws Fault `firecracker_bad_request` for names that could leave the directory or break a command line */
export function checkNames(of: { machineId: string; hostname: string }): void {
  if (!MACHINE_ID.test(of.machineId)) throw firecrackerFaults.bad_request({ what: `machine id ${of.machineId}` });
  if (!HOSTNAME.test(of.hostname)) throw firecrackerFaults.bad_request({ what: `hostname ${of.hostname}` });
}

/** The jailer takes letters, digits and dashes only, and the name is part of a path that must stay short. */
export function jailIdOf(machineId: string): string {
  return `m${createHash("sha256").update(machineId).digest("hex").slice(0, 20)}`;
}

/** Where a machine's things lie. `root` is what Firecracker sees as `/`. */
export function placesOf(machinesDir: string, machineId: string): MachinePlaces {
  const dir = join(machinesDir, machineId);
  const root = join(dir, "firecracker", jailIdOf(machineId), "root");
  const jailId = jailIdOf(machineId);
  return { dir, root, jailId, console: join(dir, "console.log"), own: join(dir, "own"), sealed: join(dir, "sealed") };
}

export type MachinePlaces = {
  readonly dir: string;
  readonly root: string;
  readonly jailId: string;
  readonly console: string;
  /** Second names of the files that Firecracker writes: the first ones lie where it may replace them. */
  readonly own: string;
  /** Links to the memory of its last seal, while what it has changed since is known. */
  readonly sealed: string;
};

/** Whole or not at all: a record that is cut short would hide the tap and the id from the sweep. */
export async function writeRecord(dir: string, record: MachineRecord): Promise<void> {
  const draft = join(dir, ".machine.json");
  await writeFile(draft, JSON.stringify(record));
  await rename(draft, join(dir, "machine.json"));
}

export async function readRecord(dir: string): Promise<MachineRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(dir, "machine.json"), "utf8")) as MachineRecord;
    return record.version === 1 ? record : undefined;
  } catch {
    return undefined; // broken off before it was written: nothing but the directory and the id were taken
  }
}

export async function machineIdsIn(machinesDir: string): Promise<string[]> {
  return readdir(machinesDir).catch(() => []);
}
