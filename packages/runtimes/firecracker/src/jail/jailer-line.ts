/** Pure: how Firecracker's jailer is told to start a machine. */
import type { MachineLimits } from "@sandlot/runtime-contract";
import { INSIDE } from "../api/boot-requests";
import { limits } from "../limits";

const CPU_PERIOD_US = 100_000;
const MIB = 1024 * 1024;

export type JailPlan = {
  readonly jailerPath: string;
  readonly firecrackerPath: string;
  readonly jailId: string;
  readonly userId: number;
  /** The machine's own directory. */
  readonly baseDir: string;
  readonly netnsPath: string | undefined;
  readonly parentCgroup: string;
  readonly cgroupVersion: 1 | 2;
  readonly limits: MachineLimits;
};

export function planJailerLine(of: JailPlan): string[] {
  const netns = of.netnsPath === undefined ? [] : ["--netns", of.netnsPath];
  const cgroups = cgroupSettings(of).flatMap((setting) => ["--cgroup", setting]);
  return [
    of.jailerPath,
    ...["--id", of.jailId, "--exec-file", of.firecrackerPath],
    ...["--uid", String(of.userId), "--gid", String(of.userId)],
    ...["--chroot-base-dir", of.baseDir, ...netns],
    ...["--cgroup-version", String(of.cgroupVersion), "--parent-cgroup", of.parentCgroup, ...cgroups],
    ...["--resource-limit", `fsize=${largestFileBytes(of.limits)}`, "--resource-limit", "no-file=1024"],
    "--",
    ...["--api-sock", INSIDE.socket, "--level", "Error"],
  ];
}

function cgroupSettings({ cgroupVersion, limits: of }: JailPlan): string[] {
  const memoryBytes = (of.memoryMiB + limits.overheadMiB) * MIB;
  const quota = Math.round(of.cpuCount * CPU_PERIOD_US);
  const threads = Math.max(1, Math.ceil(of.cpuCount)) + limits.overheadThreads;
  if (cgroupVersion === 2)
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
