/** What `up` tells while it works: one line per event, with the seconds since it began. */

export type Progress = {
  /** Something happened or begins now. */
  say(step: string, text: string): void;
};

export function lineProgress(write: (line: string) => void, nowMs: () => number = () => performance.now()): Progress {
  const startMs = nowMs();
  return {
    say(step, text) {
      const seconds = ((nowMs() - startMs) / 1000).toFixed(1).padStart(6);
      write(`${seconds} s  ${step.padEnd(9)} ${text}`);
    },
  };
}

export const silentProgress: Progress = { say: () => undefined };
