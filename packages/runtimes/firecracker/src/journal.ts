/** A machine's directory: what is written before anything is made, and read after a restart. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { MachineBasics } from "@sandlot/runtime-host";
import type { Metadata } from "./api/boot-requests";

export type MachineRecord = MachineBasics & {
  readonly userId: number;
  /** Of the Firecracker that runs it. */
  readonly firecracker: string;
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
};

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
