/** Shows machines the lxcfs of now: one that died and came back is another mount, and what they had of the old answers nothing. */
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { every } from "@sandlot/lifetime";
import { isAlive, machineIdsIn, readProcess, runLauncher } from "@sandlot/runtime-host";
import type { Logger } from "@sandlot/telemetry";
import { limits } from "./limits";

export type LxcfsPlaces = {
  readonly lxcfsDir: string;
  readonly machinesDir: string;
  /** Remembers across runs which mount the machines were last shown. */
  readonly notePath: string;
  readonly launcherPath: string;
};

/** Looks until disposed of. A machine whose view cannot be renewed is told of in the log and goes on without. */
export function keepLxcfs(of: LxcfsPlaces, log: Logger): AsyncDisposable {
  let roundsLeft = 0;
  const look = async (): Promise<void> => {
    const now = await deviceOf(of.lxcfsDir);
    if (now === undefined) return; // not back yet
    const shown = await readFile(of.notePath, "utf8").catch(() => undefined);
    if (shown !== now) {
      // Twice, since a machine that was being made during the first round may have taken the old one.
      roundsLeft = shown === undefined ? 0 : 2;
      await writeFile(of.notePath, now);
    }
    if (roundsLeft === 0) return;
    roundsLeft -= 1;
    const renewed = await renewAll(of, log);
    log.info("lxcfs came back and machines are shown it", { machines: renewed });
  };
  return every(limits.lxcfsLookMs, look, (thrown) => log.warn("cannot look after lxcfs", { thrown }));
}

/** Of the mount, undefined while nobody answers there. The mount stands alone: its parent has another device. */
async function deviceOf(dir: string): Promise<string | undefined> {
  const found = await stat(join(dir, "proc/meminfo")).catch(() => undefined);
  return found === undefined ? undefined : String(found.dev);
}

async function renewAll(of: LxcfsPlaces, log: Logger): Promise<number> {
  let renewed = 0;
  for (const machineId of await machineIdsIn(of.machinesDir)) {
    const init = await readProcess(join(of.machinesDir, machineId), "init.pid");
    if (init === undefined || !(await isAlive(init))) continue;
    const args = ["lxcfs", "--dir", of.lxcfsDir, "--pid", String(init.pid)];
    // A machine may have put a file system of its own there, and that may hang.
    const work = runLauncher(of.launcherPath, args, AbortSignal.timeout(limits.lxcfsRenewMs));
    await work.then(
      () => (renewed += 1),
      (thrown) => log.warn("a machine cannot be shown the new lxcfs", { machineId, thrown }),
    );
  }
  return renewed;
}
