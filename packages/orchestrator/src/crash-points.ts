/**
 * Places between two steps of the node at which tests kill it, to see that a start after a death at any of them finds
 * its way. Nothing happens there unless CRASH_AT names one.
 */
export const CRASH_POINTS = [
  "pause.journaled",
  "pause.frozen",
  "pause.staged",
  "pause.sealed",
  "pause.committed",
  "pause.noted",
  "pause.done",
  "checkpoint.journaled",
  "checkpoint.frozen",
  "checkpoint.staged",
  "checkpoint.sealed",
  "checkpoint.thawed",
  "checkpoint.committed",
  "resume.claimed",
  "resume.bound",
  "resume.thawed",
  "resume.identified",
  "restore.journaled",
  "restore.restored",
  "restore.answering",
  "restore.bound",
  "restore.identified",
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];

/** Awaited at each place. One that never resolves is as good as a death for who waits behind it. */
export type CrashHook = (at: CrashPoint) => Promise<void> | undefined;

/** Dies at `point` as by kill -9: no handler runs, nothing is flushed. */
export function crashHook(point: CrashPoint | undefined): CrashHook {
  return (at) => {
    if (at === point) process.kill(process.pid, "SIGKILL");
    return undefined;
  };
}
