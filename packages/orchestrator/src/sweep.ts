import { rm } from "node:fs/promises";
import { join } from "node:path";
import { removeNetwork } from "@sandlot/network";
import type { Runtime } from "@sandlot/runtime-contract";
import type { Logger } from "@sandlot/telemetry";
import type { OrchestratorConfig } from "./config";
import { forgetNode, holdNode } from "./node-lock";
import { startAllRuntimes } from "./runtimes/start-runtimes";

export type SweepHost = { readonly runtimes: readonly Runtime[]; readonly removeNetwork: () => Promise<void> };

/**
 * Ends every machine of this installation and removes all it made on the host: mounts, disks, cgroups, namespaces,
 * links, rules, the journal. Idempotent; also after a crash or half a sweep.
 * @throws Fault `node_already_runs` while the service runs
 */
export async function sweepNode(
  config: OrchestratorConfig,
  parts: { logger: Logger; host?: SweepHost },
): Promise<{ ended: number }> {
  await using held = new AsyncDisposableStack();
  if (parts.host === undefined) held.use(holdNode(config));
  const idle = { ...config, upperPoolSize: 0 };
  const runtimes = parts.host?.runtimes ?? held.use(await startAllRuntimes(idle, parts.logger)).runtimes;
  const machines = (await Promise.all(runtimes.map((runtime) => runtime.list()))).flat();
  await Promise.all(
    machines.map((machine) =>
      machine.end().catch((thrown) => {
        parts.logger.warn("a machine would not end by itself; sweeping it", { machineId: machine.machineId, thrown });
      }),
    ),
  );
  for (const runtime of runtimes) await runtime.sweep(new Set());
  // By name, without starting the network first: it works on a host where that could not start any more.
  const { installationTag: tag, slotCidr } = config;
  await (parts.host?.removeNetwork() ?? removeNetwork({ tag, slotCidr }));
  for (const name of ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"])
    await rm(join(config.basePath, name), { force: true });
  if (parts.host === undefined) forgetNode(config);
  return { ended: machines.length };
}
