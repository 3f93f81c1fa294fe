/** A machine's processes on the host's side: noted by pid and start time, so that they are known for good. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readProcessStat } from "@sandlot/linux";

export type ProcessRecord = { readonly pid: number; readonly startTime: string };

/** @param name of the file in the machine's directory, `launcher.pid` say */
export async function readProcess(dir: string, name: string): Promise<ProcessRecord | undefined> {
  const text = await readFile(join(dir, name), "utf8").catch(() => "");
  const [pid, startTime] = text.trim().split(" ");
  return pid === undefined || startTime === undefined ? undefined : { pid: Number(pid), startTime };
}

/** True while any thread of that very process runs; one that only waits to be reaped has ended. */
export async function isAlive({ pid, startTime }: ProcessRecord): Promise<boolean> {
  const stat = readProcessStat(pid);
  return stat?.startTicks === startTime && !stat.hasEnded;
}

/** `oomKills` are those that a guest's own kernel told of. */
export type MachineExit = { readonly exitCode: number; readonly oomKills?: number };

/** How the machine's first process ended, once its launcher has written it. */
export async function readExit(dir: string): Promise<MachineExit | undefined> {
  try {
    return JSON.parse(await readFile(join(dir, "exit.json"), "utf8")) as MachineExit;
  } catch {
    return undefined;
  }
}
