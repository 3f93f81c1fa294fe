import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { startEgress } from "@sandlot/egress";
import { startSlotPool } from "@sandlot/network";
import { type ArtifactStore, openArtifactStore, openObjectStore } from "@sandlot/storage";
import type { Logger } from "@sandlot/telemetry";
import type { OrchestratorConfig } from "./config";
import { askControlPlane } from "./egress/ask-values";
import { type NodeSlots, withEgress } from "./egress/node-slots";
import { predefinedAllows } from "./guests/guest-proxy";
import { limits } from "./limits";
import { holdNode } from "./node-lock";
import type { Runtimes } from "./runtimes/runtimes";
import { startRuntimes } from "./runtimes/start-runtimes";

/** What the node asks of the machine it runs on. */
export type HostParts = {
  readonly runtimes: Runtimes;
  readonly slots: NodeSlots;
  readonly artifacts: ArtifactStore;
};

/** This host's own: machines of real runtimes on slots of real namespaces. Root only. */
export async function startHost(config: OrchestratorConfig, logger: Logger): Promise<HostParts & AsyncDisposable> {
  await using held = new AsyncDisposableStack();
  held.use(holdNode(config));
  const { runtimes } = held.use(await startRuntimes(config, logger));
  const pool = held.use(
    await startSlotPool(
      {
        tag: config.installationTag,
        slotCidr: config.slotCidr,
        poolSize: config.slotPoolSize,
        maxSlots: slotsNeeded(config),
        ...(config.dnsUpstreams.length === 0 ? {} : { dnsUpstreams: config.dnsUpstreams }),
        predefinedAllows: await predefinedAllows(config.guestProxy),
        throttle: config.egress.throttle,
      },
      { log: logger.room("network") },
    ),
  );
  const bucket = config.storage.templates;
  const remote = bucket === undefined ? undefined : held.use(await openObjectStore(bucket));
  const { guestCaFile, egress: settings } = config;
  const egress = held.use(
    await startEgress(
      {
        authorityFile: settings.authorityFile,
        runDir: join(config.basePath, "egress"),
        extraRoots: guestCaFile === undefined ? undefined : await readFile(guestCaFile, "utf8"),
        allowsPlainHttpRules: settings.allowsPlainHttpRules,
      },
      {
        resolve: (name) => pool.resolve(name),
        isForbidden: (address) => pool.isForbidden(address),
        ask: askControlPlane({ address: settings.controlAddress, nodeToken: settings.nodeToken }),
        log: logger.room("egress"),
      },
    ),
  );
  const slots = withEgress(pool, egress);
  const artifacts = held.use(
    await openArtifactStore({ directory: config.artifactsPath, remote, logger: logger.room("artifacts") }),
  );
  const whole = held.move();
  return { runtimes, slots, artifacts, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}

/** Sandboxes, the warm ones, the stock, and room for those that are just ending; not more than the range holds. */
function slotsNeeded(config: OrchestratorConfig): number {
  const prefix = Number(config.slotCidr.split("/")[1] ?? 16);
  const room = 2 ** (31 - prefix) - 1;
  const wanted =
    config.maxSandboxes +
    config.resumeCacheSize +
    limits.warmShapes * config.warmPoolSize +
    config.slotPoolSize +
    limits.endingSlots;
  return Math.max(1, Math.min(room, wanted));
}
