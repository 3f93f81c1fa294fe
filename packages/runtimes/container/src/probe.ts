/** Whether this host can run containers, shown by running one. */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { release } from "node:os";
import type { Machine, RuntimeProbe } from "@sandlot/runtime-contract";
import type { ContainerRuntimeConfig } from "./config";
import type { StartRequest } from "./runtime";

export type KernelVersion = { readonly major: number; readonly minor: number };

export function parseKernelRelease(text: string): KernelVersion {
  const [major, minor] = text.split(".").map((part) => Number.parseInt(part, 10));
  return { major: major ?? 0, minor: minor ?? 0 };
}

export function isAtLeast(have: KernelVersion, major: number, minor: number): boolean {
  return have.major > major || (have.major === major && have.minor >= minor);
}

function problemsWithoutStarting(config: ContainerRuntimeConfig, kernel: KernelVersion): string[] {
  const problems: string[] = [];
  if (process.getuid?.() !== 0) problems.push("not root: run it with sudo");
  if (!isAtLeast(kernel, 5, 19)) problems.push(`kernel ${release()} is too old: 5.19 or newer is needed`);
  if (!existsSync(config.launcherPath)) problems.push(`${config.launcherPath} is missing: build it first`);
  if (!existsSync(`${config.guestLayerDir}/usr/lib/sandlot/init`))
    problems.push(`${config.guestLayerDir} holds no usr/lib/sandlot/init: build it first`);
  if (Bun.which("mkfs.ext4", { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" }) === null)
    problems.push("mkfs.ext4 is missing: install e2fsprogs");
  if (!existsSync("/dev/loop-control")) problems.push("/dev/loop-control is missing: load the loop module");
  return problems;
}

function notesOf(config: ContainerRuntimeConfig, kernel: KernelVersion, cgroupKind: string): string[] {
  const loop = config.forceLoopLayers === true || !isAtLeast(kernel, 6, 12);
  const paths = config.forceOverlayPaths === true || !isAtLeast(kernel, 6, 13);
  return [
    `kernel ${release()}, cgroups ${cgroupKind}`,
    `layers are mounted ${loop ? "through loop devices" : "from their files"}`,
    `overlays are made by ${paths ? "paths" : "descriptors"}`,
    config.lxcfsDir === undefined
      ? "no lxcfs: /proc/meminfo inside tells of the host"
      : `lxcfs at ${config.lxcfsDir} tells machines of their own memory and processors`,
    ...(config.criuPath === undefined ? ["no CRIU: machines are sealed without their memory"] : []),
  ];
}

export async function probeContainerHost(of: {
  config: ContainerRuntimeConfig;
  cgroupKind: string;
  start: (request: StartRequest) => Promise<Machine>;
}): Promise<RuntimeProbe> {
  const kernel = parseKernelRelease(release());
  const problems = problemsWithoutStarting(of.config, kernel);
  if (problems.length === 0) {
    try {
      const machine = await of.start({
        machineId: `probe-${randomUUID()}`,
        // The guest layer alone is enough for PID 1.
        build: { buildId: "probe", layers: [] },
        limits: { cpuCount: 1, memoryMiB: 64, diskMiB: 64, pidsMax: 32 },
        slot: null,
        hostname: "probe",
      });
      await machine.freeze();
      await machine.thaw();
      await machine.end();
    } catch (thrown) {
      problems.push(`a trial machine failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  }
  return { usable: problems.length === 0, problems, notes: notesOf(of.config, kernel, of.cgroupKind) };
}
