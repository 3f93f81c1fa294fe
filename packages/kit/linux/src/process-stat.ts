/** What /proc/<pid>/stat says of a process. */
import { readFileSync } from "node:fs";

export type ProcessStat = {
  readonly parentPid: number;
  /** Clock ticks since boot; with the pid it names a process for good. */
  readonly startTicks: string;
  /**
   * Its last thread has ended, and with it everything it held: ports, files, memory. True before anybody has reaped it, and
   * some first processes take seconds for that or never do it. A first thread alone ends earlier than the others.
   */
  readonly hasEnded: boolean;
};

/** Undefined when there is no such process any more. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined;
  }
}

/** proc_pid_stat(5). The name in brackets may hold anything, so it is read from behind it. */
export function parseProcessStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = "", parentPid] = fields;
  const threads = Number(fields[17] ?? 0);
  return {
    parentPid: Number(parentPid ?? 0),
    startTicks: fields[19] ?? "",
    hasEnded: (state === "Z" || state === "X") && threads <= 1,
  };
}
