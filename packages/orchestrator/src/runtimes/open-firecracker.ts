/** Firecracker on this host: an operator says where it is, since nothing of ours knows where to get it. */
import { join } from "node:path";
import { isFault } from "@sandlot/faults";
import { systemClock } from "@sandlot/lifetime";
import type { Runtime } from "@sandlot/runtime-contract";
import { loadVersionsFile, startFirecrackerRuntime } from "@sandlot/runtime-firecracker";
import type { Logger } from "@sandlot/telemetry";
import type { OrchestratorConfig } from "../config";
import { nodeFaults } from "../faults";

/** @throws Fault `node_runtime_unusable` without a kernel for its guests, or a right list of versions */
export async function openFirecracker(config: OrchestratorConfig, logger: Logger): Promise<Runtime> {
  const { microVm } = config;
  const unusable = (problems: string): Error => nodeFaults.runtime_unusable({ runtime: "firecracker", problems });
  if (microVm === undefined) throw unusable("no kernel for its guests was named (GUEST_KERNEL_DIR)");
  const versions = await loadVersionsFile(config.firecrackerVersionsFile).catch((thrown) => {
    throw isFault(thrown) ? unusable(`${thrown.message} (FIRECRACKER_VERSIONS_FILE)`) : thrown;
  });
  return await startFirecrackerRuntime(
    {
      ...versions,
      nodeDir: join(config.basePath, "firecracker"),
      tag: config.installationTag,
      guestLayerDir: config.guestLayerDir,
      kernelDir: microVm.kernelDir,
      guestInitPath: microVm.guestInitPath,
    },
    { log: logger.room("firecracker"), clock: systemClock },
  );
}
