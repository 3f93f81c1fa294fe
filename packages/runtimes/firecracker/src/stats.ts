import type { MachineLimits, MachineStats } from "@sandlot/runtime-contract";
import type { GuestStats } from "@sandlot/runtime-microvm";

const MIB = 1024 * 1024;

export function noStats(of: MachineLimits): MachineStats {
  return {
    cpuUsedMicros: 0,
    memoryUsedBytes: 0,
    memoryCacheBytes: 0,
    memoryLimitBytes: of.memoryMiB * MIB,
    diskUsedBytes: 0,
    diskLimitBytes: of.diskMiB * MIB,
    pids: 0,
  };
}

/** A guest says what it likes; nothing is used or left that there cannot be. */
export function statsOf(guest: GuestStats, of: MachineLimits): MachineStats {
  const most = of.memoryMiB * MIB;
  return {
    ...noStats(of),
    cpuUsedMicros: guest.cpuUsedMicros,
    memoryUsedBytes: Math.min(guest.memoryUsedBytes, most),
    memoryCacheBytes: Math.min(guest.memoryCacheBytes, most),
    diskUsedBytes: guest.diskUsedBytes,
    diskLimitBytes: guest.diskSizeBytes,
    pids: guest.pids,
  };
}
