/** How large sandboxes of a template may be; texts are wire (behaviour §1.8). */
import type { TeamLimits } from "@sandlot/db";
import { apiFaults } from "../faults";

const CPU = { fallback: 2, min: 1, max: 32 };
const MEMORY_MIB = { fallback: 1024, min: 128 };
/** Of the whole disk, base included. */
const DISK_MIB = 10_240;

/** @throws Fault `api_bad_size` */
export function templateSize(
  asked: { cpuCount?: number | undefined; memoryMB?: number | undefined },
  limits: TeamLimits,
): { cpuCount: number; memoryMiB: number; diskMiB: number } {
  const refuse = (why: string): never => {
    throw apiFaults.bad_size({ why });
  };
  const cpuCount = asked.cpuCount ?? CPU.fallback;
  const memoryMiB = asked.memoryMB ?? MEMORY_MIB.fallback;
  const more = "if you need to increase this limit, please contact support";
  if (cpuCount < CPU.min) refuse(`CPU count must be at least ${CPU.min}`);
  if (cpuCount > CPU.max) refuse(`CPU count must be at most ${CPU.max}`);
  if (cpuCount !== 1 && cpuCount % 2 !== 0) refuse("CPU count must be 1 or an even number");
  if (cpuCount > limits.maxCpuCount) refuse(`CPU count can't be higher than ${limits.maxCpuCount} (${more})`);
  if (memoryMiB < MEMORY_MIB.min) refuse(`Memory must be at least ${MEMORY_MIB.min} MiB`);
  if (memoryMiB % 2 !== 0) refuse("Memory must be divisible by 2");
  if (memoryMiB > limits.maxMemoryMiB) refuse(`Memory can't be higher than ${limits.maxMemoryMiB} MiB (${more})`);
  return { cpuCount, memoryMiB, diskMiB: Math.min(DISK_MIB, limits.maxDiskMiB) };
}
