/** How readily the kernel kills a process when memory runs out: -1000 to 1000. Children start with their parent's. */
import { readFileSync, writeFileSync } from "node:fs";

const FILE = "/proc/self/oom_score_adj";

/**
 * Runs `work` with this process at `score`, for what it spawns. Coming back to the old one needs no right: only going
 * below what a privileged process once set does. `work` must be synchronous. A kernel that refuses is no fault.
 */
export function withOomScore<T>(score: number, work: () => T): T {
  const before = attempt(() => readFileSync(FILE, "utf8").trim());
  if (before !== undefined && Number(before) < score) attempt(() => writeFileSync(FILE, String(score)));
  try {
    return work();
  } finally {
    if (before !== undefined) attempt(() => writeFileSync(FILE, before));
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
