/** A machine's directory: what is written before anything is made, and read after a restart. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type MachineBasics, writeRecord } from "@sandlot/runtime-host";

export type MachineRecord = MachineBasics & {
  readonly idBase: number;
  /** Where the host shows the layers, newest first; guest and device layers included. */
  readonly lowers: readonly string[];
};

export async function writeMachine(of: { dir: string; record: MachineRecord; launchConfig: string }): Promise<void> {
  await mkdir(join(of.dir, "root"), { mode: 0o755 });
  await writeFile(join(of.dir, "launch.conf"), of.launchConfig);
  await writeRecord(of.dir, of.record);
}
