import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Runtime } from "@sandlot/runtime-contract";
import { Cgroups, IdRanges, readCgroupLayout, readHostBootId, runLauncher, VMM_IDS } from "@sandlot/runtime-host";
import type { QemuRuntimeConfig, QemuRuntimeParts } from "./config";
import { examineHost, type QemuHost } from "./host";
import { QemuRuntime } from "./runtime";

/** For v1 alone: what a launcher and QEMU may open, as in the launcher's device program. */
const DEVICES = ["1:3", "1:9", "10:200", "10:232"];

/**
 * Opens the QEMU runtime of one directory: makes the shared cgroups. Machines are neither touched nor adopted until `list` or
 * `sweep`, and the host is not examined until the first start or probe. Disposing of it leaves machines running.
 * @throws Fault `runtime_no_cgroups`, `runtime_helper_failed`
 */
export async function startQemuRuntime(config: QemuRuntimeConfig, parts: QemuRuntimeParts): Promise<Runtime> {
  const { launcherPath, nodeDir, tag } = config;
  const dirs = { machines: join(nodeDir, "machines"), trees: join(nodeDir, "trees") };
  for (const dir of [...Object.values(dirs), config.cacheDir]) await mkdir(dir, { recursive: true, mode: 0o755 });
  await chmod(dirs.machines, 0o700); // disks and memory of others lie there
  const cgroups = new Cgroups({
    layout: await readCgroupLayout({ forceV1: config.forceCgroupsV1 ?? false }),
    group: `sandlot-${tag}-vm`,
    devices: { allowed: DEVICES, restrict: (dir) => runLauncher(launcherPath, ["restrict", "--dir", dir]) },
  });
  await cgroups.prepare();
  let host: Promise<QemuHost> | undefined;
  return new QemuRuntime({
    config,
    parts,
    dirs,
    cgroups,
    bootId: await readHostBootId(),
    ids: new IdRanges({ plan: VMM_IDS, dir: join(nodeDir, "ids"), tag, nowMs: parts.clock.nowMs() }),
    host: () => {
      host ??= examineHost(config, dirs.trees).catch((thrown) => {
        host = undefined; // the next one who asks finds it out anew
        throw thrown;
      });
      return host;
    },
  });
}
