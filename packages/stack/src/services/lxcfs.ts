/** A private lxcfs, so that sandboxes see their own memory and processors in /proc. Outlives the services, like a server. */
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { dropMark, endProcess, isRunning, readMark, spawnDetached, tryRun, writeMark } from "@sandlot/host";
import { sleep } from "@sandlot/lifetime";
import type { DataPaths } from "../paths";

const PROGRAM = "/usr/bin/lxcfs";
/** Mounting takes tens of milliseconds. */
const MOUNTED_WITHIN_MS = 5_000;

export const lxcfsDir = (paths: DataPaths): string => join(paths.root, "lxcfs");

/**
 * Starts or adopts it. Sandboxes run without it too, and then see the host's figures: a failure is told, not thrown.
 * @returns undefined when it serves, else why not
 */
export async function ensureLxcfs(paths: DataPaths): Promise<string | undefined> {
  if (!existsSync(PROGRAM)) return "lxcfs is not installed";
  if (!existsSync("/dev/fuse")) return "this host has no /dev/fuse";
  const dir = lxcfsDir(paths);
  if (readMark(paths.mark("lxcfs")) !== undefined && isServing(dir)) return undefined;
  await endLxcfs(paths);
  mkdirSync(dir, { recursive: true });
  const pidFile = join(paths.run, "lxcfs.pid");
  const argv = [PROGRAM, "-f", "--enable-cfs", `--pidfile=${pidFile}`, dir] as const;
  const { mark } = await spawnDetached({ argv, logPath: paths.log("lxcfs") });
  writeMark(paths.mark("lxcfs"), mark);
  const endMs = performance.now() + MOUNTED_WITHIN_MS;
  while (!isServing(dir)) {
    if (!isRunning(mark) || performance.now() > endMs) return `lxcfs did not start; its log is ${paths.log("lxcfs")}`;
    await sleep(10);
  }
  return undefined;
}

/** A mount whose process was killed is there, but answers nothing: it is taken away too. */
export async function endLxcfs(paths: DataPaths): Promise<void> {
  const mark = readMark(paths.mark("lxcfs"));
  if (mark !== undefined) await endProcess(mark, { graceMs: 2_000 });
  dropMark(paths.mark("lxcfs"));
  await tryRun(["umount", "-l", lxcfsDir(paths)]);
  rmSync(join(paths.run, "lxcfs.pid"), { force: true });
}

function isServing(dir: string): boolean {
  try {
    return readdirSync(join(dir, "proc")).includes("meminfo");
  } catch {
    return false;
  }
}
