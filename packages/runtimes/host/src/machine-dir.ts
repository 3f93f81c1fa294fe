/** A machine's directory: what is written there before anything is made, and read after a restart. */
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LayerRef, MachineId, MachineLimits, MachineSlot } from "@sandlot/runtime-contract";

/** What every runtime notes of a machine, beside what is its own. */
export type MachineBasics = {
  readonly version: 1;
  readonly machineId: MachineId;
  readonly buildId: string;
  readonly limits: MachineLimits;
  /** None for a trial machine. */
  readonly slot: MachineSlot | null;
  readonly hostname: string;
  /** What it was asked to be started from, newest first. */
  readonly layers: readonly LayerRef[];
  readonly guestLayerDir: string;
  /** Of the host: process ids mean nothing after it booted anew. */
  readonly hostBootId: string;
};

/** A runtime's own fault for a request it cannot serve. */
export type BadRequest = (facts: { what: string }) => Error;

const MACHINE_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const HOSTNAME = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** @throws `badRequest` for names that could leave the directory, or break a file or a command line */
export function requireNames(of: { machineId: string; hostname: string }, badRequest: BadRequest): void {
  if (!MACHINE_ID.test(of.machineId)) throw badRequest({ what: `machine id ${of.machineId}` });
  if (!HOSTNAME.test(of.hostname)) throw badRequest({ what: `hostname ${of.hostname}` });
}

export type LaunchPair = readonly [string, string | number | undefined];

/** A launcher's configuration, one `key=value` per line; what is not set is left out.
 * @throws `badRequest` when a value holds a line break, and so would smuggle in a key */
export function formatLaunchConfig(pairs: readonly LaunchPair[], badRequest: BadRequest): string {
  const lines = pairs.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
  const broken = lines.find((line) => line.includes("\n"));
  if (broken !== undefined) throw badRequest({ what: `a line break in ${JSON.stringify(broken)}` });
  return `${lines.join("\n")}\n`;
}

const RECORD = "machine.json";

/** Whole or not at all: a record cut short would hide from the sweep what the machine holds. */
export async function writeRecord(dir: string, record: { readonly version: 1 }): Promise<void> {
  const draft = join(dir, `.${RECORD}`);
  await writeFile(draft, JSON.stringify(record));
  await rename(draft, join(dir, RECORD));
}

/** Absent when a start was broken off before it was written: then only the directory and an id were taken. */
export async function readRecord<T extends { readonly version: 1 }>(dir: string): Promise<T | undefined> {
  try {
    const record = JSON.parse(await readFile(join(dir, RECORD), "utf8")) as T;
    return record.version === 1 ? record : undefined;
  } catch {
    return undefined;
  }
}

export async function machineIdsIn(machinesDir: string): Promise<string[]> {
  return readdir(machinesDir).catch(() => []);
}

/** Of this start of the host: process ids of an earlier one mean nothing. */
export async function readHostBootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}
