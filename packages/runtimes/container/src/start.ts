import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Runtime } from "@sandlot/runtime-contract";
import { Cgroups, CONTAINER_IDS, IdRanges, readCgroupLayout, readHostBootId, runLauncher } from "@sandlot/runtime-host";
import type { ContainerRuntimeConfig, ContainerRuntimeParts } from "./config";
import { holdHostLimits } from "./host-limits";
import { LayerMounts } from "./layers";
import { keepLxcfs } from "./lxcfs-keeper";
import { ContainerRuntime } from "./runtime";
import { UpperPool } from "./uppers";

/** For v1 alone: character devices a machine may use, as in the launcher's device program. */
const DEVICES = ["1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:2", "136:*", "10:229"];

/**
 * Opens the container runtime of one node directory: makes the device layer and the shared cgroups, takes up ready
 * disks of an earlier run. Machines are neither touched nor adopted until `list` or `sweep`. Disposing of it leaves
 * machines running and gives back the rest.
 * @throws Fault `runtime_no_cgroups`, `runtime_helper_failed`
 */
export async function startContainerRuntime(
  config: ContainerRuntimeConfig,
  parts: ContainerRuntimeParts,
): Promise<Runtime> {
  const { nodeDir, launcherPath, tag } = config;
  const dirs = {
    machines: join(nodeDir, "machines"),
    uppers: join(nodeDir, "uppers"),
    layers: join(nodeDir, "layers"),
    devices: join(nodeDir, "devices"),
  };
  await Promise.all(Object.values(dirs).map((dir) => mkdir(dir, { recursive: true, mode: 0o755 })));
  // Files of sandboxes lie mounted there. Their own launchers pass as root, and inside nobody comes by these paths.
  for (const dir of [dirs.machines, dirs.uppers, dirs.layers]) await chmod(dir, 0o700);
  const cgroups = new Cgroups({
    layout: await readCgroupLayout({ forceV1: config.forceCgroupsV1 ?? false }),
    group: `sandlot-${tag}`,
    devices: { allowed: DEVICES, restrict: (dir) => runLauncher(launcherPath, ["restrict", "--dir", dir]) },
  });
  const refused = await holdHostLimits(tag);
  if (refused.length > 0) parts.log.warn("machines share these counters with the host, and they stay low", { refused });
  await Promise.all([cgroups.prepare(), runLauncher(launcherPath, ["devices", "--dir", dirs.devices])]);
  const uppers = new UpperPool({ dir: dirs.uppers, launcherPath, size: config.upperPoolSize, log: parts.log });
  await uppers.adopt();
  for (const diskMiB of config.warmDiskMiB ?? []) uppers.warm(diskMiB);
  const { lxcfsDir } = config;
  const places = { machinesDir: dirs.machines, notePath: join(nodeDir, "lxcfs-device"), launcherPath };
  return new ContainerRuntime({
    config,
    parts,
    dirs,
    cgroups,
    uppers,
    lxcfs: lxcfsDir === undefined ? undefined : keepLxcfs({ lxcfsDir, ...places }, parts.log),
    layers: new LayerMounts({ dir: dirs.layers, launcherPath, forceLoop: config.forceLoopLayers ?? false }),
    ids: new IdRanges({ plan: CONTAINER_IDS, dir: join(nodeDir, "ids"), tag, nowMs: parts.clock.nowMs() }),
    bootId: await readHostBootId(),
  });
}
