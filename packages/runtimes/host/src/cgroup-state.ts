/** What a machine's cgroups do and tell while it lives. */
import { existsSync } from "node:fs";
import { readFile, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, sleep } from "@sandlot/lifetime";
import type { MachineStats } from "@sandlot/runtime-contract";
import { type MachineCgroups, readKey, readNumber } from "./cgroups";
import { runtimeFaults } from "./faults";
import { limits } from "./limits";

/** Stops or continues all processes; resolves when they are still (or told to go on).
 * @throws Fault `runtime_freeze_stuck` */
export async function setFrozen(of: {
  cgroups: MachineCgroups;
  machineId: string;
  frozen: boolean;
  clock: Clock;
}): Promise<void> {
  const { v2, freezer } = of.cgroups;
  const tell = async (frozen: boolean): Promise<void> => {
    if (v2 !== undefined) await writeFile(join(v2, "cgroup.freeze"), frozen ? "1" : "0");
    else if (freezer !== undefined) await writeFile(join(freezer, "freezer.state"), frozen ? "FROZEN" : "THAWED");
  };
  await tell(of.frozen);
  if (!of.frozen) return;
  const startedMs = of.clock.nowMs();
  for (let restMs = 0.5; !(await isFrozen(of.cgroups)); restMs = Math.min(restMs * 2, 50)) {
    const waitedMs = of.clock.nowMs() - startedMs;
    if (waitedMs > limits.freezeMs) throw runtimeFaults.freeze_stuck({ machineId: of.machineId, waitedMs });
    await sleep(restMs);
    if (v2 !== undefined || waitedMs < limits.freezeAgainMs) continue;
    // v1 can miss a process that is just being made, and then waits for it for ever: another try finds it.
    await tell(false);
    await tell(true);
  }
}

async function isFrozen({ v2, freezer }: MachineCgroups): Promise<boolean> {
  if (v2 !== undefined) return (await readKey(join(v2, "cgroup.events"), "frozen")) === 1;
  if (freezer === undefined) return true;
  return (await readFile(join(freezer, "freezer.state"), "utf8")).trim() === "FROZEN";
}

/** True when a process of the machine was killed for memory. */
export async function hadOutOfMemory({ memory }: MachineCgroups): Promise<boolean> {
  const [v1, v2] = await Promise.all([
    readKey(join(memory, "memory.oom_control"), "oom_kill"),
    readKey(join(memory, "memory.events"), "oom_kill"),
  ]);
  return v1 + v2 > 0;
}

async function cpuUsedMicros({ v2, cpuAccount }: MachineCgroups): Promise<number> {
  if (v2 !== undefined) return readKey(join(v2, "cpu.stat"), "usage_usec");
  return cpuAccount === undefined ? 0 : (await readNumber(join(cpuAccount, "cpuacct.usage"))) / 1000;
}

/** Memory in use without the page cache, and the cache apart. Files of tmpfs are memory in use, not cache. */
async function memoryOf({ memory }: MachineCgroups): Promise<{ used: number; cache: number }> {
  const unified = existsSync(join(memory, "memory.current"));
  const stat = join(memory, "memory.stat");
  const [total, cache, shared] = await Promise.all([
    readNumber(join(memory, unified ? "memory.current" : "memory.usage_in_bytes")),
    readKey(stat, unified ? "file" : "total_cache"),
    readKey(stat, unified ? "shmem" : "total_shmem"),
  ]);
  const dropable = Math.max(0, cache - shared);
  return { used: Math.max(0, total - dropable), cache: dropable };
}

export type Usage = Pick<MachineStats, "cpuUsedMicros" | "memoryUsedBytes" | "memoryCacheBytes" | "pids">;

/** What a machine's processes take of the host. */
export async function readUsage(cgroups: MachineCgroups): Promise<Usage> {
  const [cpu, memory, pids] = await Promise.all([
    cpuUsedMicros(cgroups),
    memoryOf(cgroups),
    readNumber(join(cgroups.pids, "pids.current")),
  ]);
  return {
    cpuUsedMicros: Math.round(cpu),
    memoryUsedBytes: memory.used,
    memoryCacheBytes: memory.cache,
    pids,
  };
}

export async function readStats(of: {
  cgroups: MachineCgroups;
  initPid: number;
  memoryMiB: number;
}): Promise<MachineStats> {
  const [usage, disk] = await Promise.all([
    readUsage(of.cgroups),
    // Seen through the machine's own root: its disk is mounted nowhere else.
    statfs(`/proc/${of.initPid}/root`).catch(() => undefined),
  ]);
  return {
    ...usage,
    memoryLimitBytes: of.memoryMiB * 1024 * 1024,
    diskUsedBytes: disk === undefined ? 0 : (disk.blocks - disk.bfree) * disk.bsize,
    diskLimitBytes: disk === undefined ? 0 : disk.blocks * disk.bsize,
  };
}
