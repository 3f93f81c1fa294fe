/** How each runtime is started on this host. */
import { join } from "node:path";
import type { RuntimeName } from "@sandlot/domain";
import { systemClock } from "@sandlot/lifetime";
import { startContainerRuntime } from "@sandlot/runtime-container";
import type { Runtime } from "@sandlot/runtime-contract";
import { startQemuRuntime } from "@sandlot/runtime-qemu";
import type { Logger } from "@sandlot/telemetry";
import type { OrchestratorConfig } from "../config";
import { nodeFaults } from "../faults";
import { openFirecracker } from "./open-firecracker";

export type OpenRuntime = (name: RuntimeName, config: OrchestratorConfig, logger: Logger) => Promise<Runtime>;

/** Starts no machine yet. @throws Fault `node_runtime_unusable` for one that this release or this host does not have */
export const openRuntime: OpenRuntime = async (name, config, logger) => {
  if (name === "container") return await openContainers(config, logger);
  if (name === "qemu") return await openQemu(config, logger);
  if (name === "firecracker") return await openFirecracker(config, logger);
  throw nodeFaults.runtime_unusable({ runtime: name, problems: "it is not part of this release" });
};

async function openQemu(config: OrchestratorConfig, logger: Logger): Promise<Runtime> {
  const { microVm } = config;
  if (microVm === undefined)
    throw nodeFaults.runtime_unusable({
      runtime: "qemu",
      problems: "no kernel for its guests was named (GUEST_KERNEL_DIR)",
    });
  return await startQemuRuntime(
    {
      ...microVm,
      nodeDir: join(config.basePath, "qemu"),
      tag: config.installationTag,
      guestLayerDir: config.guestLayerDir,
      forceCgroupsV1: config.runtimeForce.includes("cgroup-v1"),
    },
    { log: logger.room("qemu"), clock: systemClock },
  );
}

async function openContainers(config: OrchestratorConfig, logger: Logger): Promise<Runtime> {
  const warmHere = config.warmBuilds.filter(({ runtime }) => runtime === "container");
  return await startContainerRuntime(
    {
      nodeDir: config.basePath,
      tag: config.installationTag,
      launcherPath: config.launcherPath,
      guestLayerDir: config.guestLayerDir,
      upperPoolSize: config.upperPoolSize,
      warmDiskMiB: [...new Set(warmHere.map((shape) => shape.diskMiB))],
      ...(config.criuPath === undefined ? {} : { criuPath: config.criuPath }),
      ...(config.lxcfsDir === undefined ? {} : { lxcfsDir: config.lxcfsDir }),
      forceLoopLayers: config.runtimeForce.includes("loop-layers"),
      forceOverlayPaths: config.runtimeForce.includes("overlay-paths"),
      forceCgroupsV1: config.runtimeForce.includes("cgroup-v1"),
    },
    { log: logger.room("runtime"), clock: systemClock },
  );
}
