/** Numbers of a machine: what it costs the host from the host's cgroups, what it uses of its own from the guest. */
import { stat } from "node:fs/promises";
import type { MachineLimits, MachineStats } from "@sandlot/runtime-contract";
import { type MachineCgroups, readUsage } from "@sandlot/runtime-host";
import type { GuestStats } from "@sandlot/runtime-microvm";

const MIB = 1024 * 1024;

/** @param of.guest absent while the guest does not answer; then the host's numbers stand for it */
export async function statsOf(of: {
  cgroups: MachineCgroups;
  limits: MachineLimits;
  diskPath: string | undefined;
  guest: GuestStats | undefined;
}): Promise<MachineStats> {
  const { guest, limits } = of;
  const [usage, disk] = await Promise.all([
    readUsage(of.cgroups),
    of.diskPath === undefined ? undefined : stat(of.diskPath).catch(() => undefined),
  ]);
  const memoryLimitBytes = limits.memoryMiB * MIB;
  return {
    cpuUsedMicros: usage.cpuUsedMicros,
    memoryUsedBytes: Math.min(guest?.memoryUsedBytes ?? usage.memoryUsedBytes, memoryLimitBytes),
    memoryCacheBytes: Math.min(guest?.memoryCacheBytes ?? 0, memoryLimitBytes),
    memoryLimitBytes,
    diskUsedBytes: guest?.diskUsedBytes ?? Math.min((disk?.blocks ?? 0) * 512, limits.diskMiB * MIB),
    diskLimitBytes: guest?.diskSizeBytes ?? limits.diskMiB * MIB,
    pids: guest?.pids ?? usage.pids,
  };
}
