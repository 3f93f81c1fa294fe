// What the host has of sandboxes' machines: found by a process inside whose arguments nobody else has. Root only.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export const read = (path) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // a process that has ended
  }
};

/** Pids of the host whose command line holds the words. */
export function pidsOf(words) {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").includes(words))
    .filter((pid) => (/^NSpid:\s+(.*)$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? "").includes("\t"));
}

/** The first process of the machine that a process belongs to. */
export function initOf(pid) {
  for (let at = pid; Number(at) > 1; at = /^PPid:\s+(\d+)/m.exec(read(`/proc/${at}/status`))?.[1] ?? "0") {
    if (/^NSpid:.*\t1$/m.test(read(`/proc/${at}/status`))) return Number(at);
  }
  throw new Error(`${pid} is in no machine`);
}

/** Ends a paused sandbox's frozen machine, as want of memory would, so that the next resume reads the disk. */
export async function dropFrozen(words) {
  const pids = pidsOf(words);
  if (pids.length === 0) return false;
  for (const pid of pids) process.kill(initOf(pid), "SIGKILL");
  while (pidsOf(words).length > 0) await sleep(5);
  await sleep(1_000); // the node has noticed, and has given back what the machine held
  return true;
}

/** Proportional and whole resident memory of a process and all below it, in MB. */
export function memoryOf(pid) {
  const own = read(`/proc/${pid}/smaps_rollup`);
  const mb = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(own)?.[1] ?? 0) / 1024;
  const children = read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean);
  return children.map(memoryOf).reduce((sum, { pss, rss }) => ({ pss: sum.pss + pss, rss: sum.rss + rss }), {
    pss: mb("Pss"),
    rss: mb("Rss"),
  });
}
