/** Pure: how Firecracker's jailer is told to start a machine. */
import type { MachineLimits } from "@sandlot/runtime-contract";
import { INSIDE } from "../api/boot-requests";
import type { InstalledVersion } from "../binaries/binaries";
import type { MachinePlaces } from "../journal";
import { limits } from "../limits";
import type { JailCgroups } from "./cgroups";

const CPU_PERIOD_US = 100_000;
const MIB = 1024 * 1024;

export type JailPlan = {
  readonly version: Pick<InstalledVersion, "firecracker" | "jailer">;
  readonly places: Pick<MachinePlaces, "dir" | "jailId">;
  readonly cgroups: Pick<JailCgroups, "parent" | "version">;
  readonly userId: number;
  /** Absent: a machine without a network. */
  readonly netnsPath: string | undefined;
  readonly limits: MachineLimits;
};

export function planJailerLine(of: JailPlan): string[] {
  const { places, version } = of;
  const netns = of.netnsPath === undefined ? [] : ["--netns", of.netnsPath];
  const settings = cgroupSettings(of).flatMap((setting) => ["--cgroup", setting]);
  return [
    version.jailer,
    ...["--id", places.jailId, "--exec-file", version.firecracker],
    ...["--uid", String(of.userId), "--gid", String(of.userId)],
    ...["--chroot-base-dir", places.dir, ...netns],
    ...["--cgroup-version", String(of.cgroups.version), "--parent-cgroup", of.cgroups.parent, ...settings],
    ...["--resource-limit", `fsize=${largestFileBytes(of.limits)}`, "--resource-limit", "no-file=1024"],
    "--",
    ...["--api-sock", INSIDE.socket, "--level", "Error"],
  ];
}

function cgroupSettings({ cgroups, limits: of }: JailPlan): string[] {
  const memoryBytes = (of.memoryMiB + limits.overheadMiB) * MIB;
  const quota = Math.round(of.cpuCount * CPU_PERIOD_US);
  const threads = Math.max(1, Math.ceil(of.cpuCount)) + limits.overheadThreads;
  if (cgroups.version === 2)
    return [
      `memory.max=${memoryBytes}`,
      "memory.swap.max=0",
      `cpu.max=${quota} ${CPU_PERIOD_US}`,
      `pids.max=${threads}`,
    ];
  return [`memory.limit_in_bytes=${memoryBytes}`, `cpu.cfs_quota_us=${quota}`, `pids.max=${threads}`];
}

/** Nothing that Firecracker writes is longer than the guest's disk or its memory, whatever the guest makes it do. */
function largestFileBytes(of: MachineLimits): number {
  return (Math.max(of.diskMiB, of.memoryMiB) + limits.overheadMiB) * MIB;
}
