import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "@sandlot/telemetry";
import type { OrchestratorConfig } from "./config";
import { type HostParts, startHost } from "./host";

/**
 * Ends every machine of this installation and removes all it made on the host: mounts, disks, cgroups, namespaces,
 * links, rules, the journal. The service must not be running. Idempotent; also after a crash or half a sweep.
 */
export async function sweepNode(
  config: OrchestratorConfig,
  parts: { logger: Logger; host?: HostParts },
): Promise<{ ended: number }> {
  await using held = new AsyncDisposableStack();
  const { runtime, slots } =
    parts.host ?? held.use(await startHost({ ...config, slotPoolSize: 0, upperPoolSize: 0 }, parts.logger));
  const machines = await runtime.list();
  await Promise.all(
    machines.map((machine) =>
      machine.end().catch((thrown) => {
        parts.logger.warn("a machine would not end by itself; sweeping it", { machineId: machine.machineId, thrown });
      }),
    ),
  );
  await runtime.sweep(new Set());
  await slots.removeAll();
  for (const name of ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"])
    await rm(join(config.basePath, name), { force: true });
  return { ended: machines.length };
}
