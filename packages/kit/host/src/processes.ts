/** A process named so that a recycled pid is never taken for it, and ending one for sure. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { sleep } from "@sandlot/lifetime";
import { readProcessStat } from "@sandlot/linux";

/** Pid, start time in clock ticks since boot, and which boot. Survives the process that wrote it down. */
export type ProcessMark = { readonly pid: number; readonly startTicks: string; readonly bootId: string };

const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

/** The mark of a running process; undefined when there is none, or only what nobody has reaped yet. */
export function markOf(pid: number): ProcessMark | undefined {
  const stat = readProcessStat(pid);
  if (stat === undefined || stat.hasEnded) return undefined;
  return { pid, startTicks: stat.startTicks, bootId: bootId() };
}

/** Whether exactly the marked process still runs. */
export function isRunning(mark: ProcessMark): boolean {
  const now = markOf(mark.pid);
  return now !== undefined && now.startTicks === mark.startTicks && now.bootId === mark.bootId;
}

/** The mark a file holds, if the marked process still runs. A missing or torn file is no mark. */
export function readMark(path: string): ProcessMark | undefined {
  try {
    const { pid, startTicks, bootId: boot } = JSON.parse(readFileSync(path, "utf8")) as Partial<ProcessMark>;
    if (typeof pid !== "number" || typeof startTicks !== "string" || typeof boot !== "string") return undefined;
    const mark = { pid, startTicks, bootId: boot };
    return isRunning(mark) ? mark : undefined;
  } catch {
    return undefined;
  }
}

/** Written whole or not at all. `more` is kept beside the mark for whoever reads the file. */
export function writeMark(path: string, mark: ProcessMark, more: Readonly<Record<string, unknown>> = {}): void {
  writeFileSync(`${path}.new`, `${JSON.stringify({ ...mark, ...more })}\n`);
  renameSync(`${path}.new`, path);
}

export function dropMark(path: string): void {
  rmSync(path, { force: true });
}

/** Waits until the marked process is gone. False when it still runs after `withinMs`. */
export async function untilGone(mark: ProcessMark, withinMs: number): Promise<boolean> {
  const endMs = performance.now() + withinMs;
  for (let gapMs = 5; isRunning(mark); gapMs = Math.min(gapMs * 1.5, 100)) {
    if (performance.now() >= endMs) return false;
    await sleep(gapMs);
  }
  return true;
}

export function signalProcess(mark: ProcessMark, signal: NodeJS.Signals): void {
  if (!isRunning(mark)) return;
  try {
    process.kill(mark.pid, signal);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}

/** Asks with `signal`, waits `graceMs`, then kills. Returns whether it went on its own. */
export async function endProcess(
  mark: ProcessMark,
  { signal = "SIGTERM", graceMs = 10_000 }: { signal?: NodeJS.Signals; graceMs?: number } = {},
): Promise<boolean> {
  signalProcess(mark, signal);
  if (await untilGone(mark, graceMs)) return true;
  signalProcess(mark, "SIGKILL");
  await untilGone(mark, 5_000);
  return false;
}
