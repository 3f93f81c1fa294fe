import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ServiceInfoStatus } from "@sandlot/contracts/info";
import { isDiskLow } from "@sandlot/domain";
import { systemClock } from "@sandlot/lifetime";
import type { SlotPool } from "@sandlot/network";
import type { Runtime } from "@sandlot/runtime-contract";
import type { Logger } from "@sandlot/telemetry";
import { type Adopted, type AdoptParts, adopt } from "./adoption/adopt";
import type { OrchestratorConfig } from "./config";
import { startEvents } from "./events";
import { type GuestParts, startGuest, stopwatch } from "./guests/guest";
import { trimGuestLayers } from "./guests/guest-layers";
import { readMachineRecipe } from "./guests/machine-recipe";
import { rehearse } from "./guests/rehearse";
import { readDiskSpace } from "./info/disk-watermark";
import { availableMemoryBytes, HostMeter, readMachineInfo } from "./info/host-metrics";
import { Journal } from "./journal/journal";
import { limits } from "./limits";
import { startObserver } from "./observing/observer";
import { Recorder } from "./observing/recorder";
import type { NodeParts } from "./routes/node-parts";
import { Sandboxes } from "./sandboxes/sandboxes";
import { StartQueue } from "./sandboxes/start-queue";
import { WarmPool } from "./warm/warm-pool";

export type NodeNeeds = {
  readonly logger: Logger;
  readonly runtime: Runtime;
  readonly slots: SlotPool;
  /** Resets all proxied connections of one machine. */
  readonly cutTraffic: (machineId: string) => void;
};

/** The node without its doors: journal, sandboxes, warm pool; earlier runs' machines are taken over when it resolves. */
export type Node = AsyncDisposable & { readonly parts: NodeParts; readonly warm: WarmPool };

export async function startNode(config: OrchestratorConfig, needs: NodeNeeds): Promise<Node> {
  await using held = new AsyncDisposableStack();
  const events = startEvents(needs.logger);
  const journal = held.use(new Journal(join(config.basePath, "journal.sqlite")));
  const builds = { artifactsPath: config.artifactsPath };
  const guestParts: GuestParts = { ...needs, journal, builds, recipe: await readMachineRecipe(config) };
  const caBundle = config.guestCaFile === undefined ? undefined : await readFile(config.guestCaFile, "utf8");
  const adopted = await takeOver({ ...guestParts, events });

  const queue = new StartQueue({
    atOnce: limits.coldStartsAtOnce,
    waiting: limits.coldStartsWaiting,
    waitMs: limits.coldStartWaitMs,
  });
  const warm: WarmPool = new WarmPool(
    { size: config.warmPoolSize, pinned: config.warmBuilds },
    {
      journal,
      events,
      start: async (shape, times, signal) => {
        const guest = await startGuest(guestParts, { shape, times }, signal);
        const lap = stopwatch(times);
        await rehearse(guest, caBundle, signal);
        lap("rehearsal");
        return guest;
      },
      discard: (guest) => sandboxes.discard(guest),
      isBusy: () => sandboxes.startingCount > 0,
      // A disk below its watermark is as good as no memory: nothing is warmed, and what is warm is given back.
      availableBytes: async () =>
        isDiskLow(await readDiskSpace(config.basePath), config.diskReserveMiB) ? 0 : await availableMemoryBytes(),
    },
  );
  const sandboxes: Sandboxes = held.use(
    new Sandboxes(config, {
      ...guestParts,
      events,
      defaults: { caBundle, proxy: config.guestProxy },
      claimWarm: (shape) => warm.claim(shape),
      startCold: (shape, times, signal) => queue.run(() => startGuest(guestParts, { shape, times }, signal), signal),
      cutTraffic: needs.cutTraffic,
    }),
  );
  held.use(warm); // disposed of before the sandboxes, so that nothing is warmed into a stopping node
  for (const { guest, sandbox } of adopted.live) sandboxes.adopt(guest, sandbox);
  for (const guest of adopted.warm) warm.adopt(guest);
  warm.start();
  const recorder = new Recorder();
  const onError = (thrown: unknown): void => needs.logger.debug("a sandbox could not be measured", { thrown });
  held.use(startObserver({ list: () => sandboxes.list(), recorder, clock: systemClock, onError }));

  const parts: NodeParts = {
    config,
    sandboxes,
    recorder,
    meter: new HostMeter(config.basePath),
    machineInfo: await readMachineInfo(),
    runtimeName: needs.runtime.name,
    serviceId: randomUUID(),
    startedAtMs: Date.now(),
    status: ServiceInfoStatus.Healthy,
  };
  await parts.meter.read(); // the first reading is what later ones are measured against
  const whole = held.move();
  return { parts, warm, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}

/** Sorts earlier runs' machines, then removes the guest layers that only ended ones used. */
async function takeOver(parts: AdoptParts): Promise<Adopted> {
  const adopted = await adopt(parts);
  const { artifactsPath } = parts.builds;
  const inUse = new Set(parts.journal.readAll().map(({ machine }) => machine.recipe.guestLayer));
  // Disk space only: what cannot be removed now is looked at again at the next start.
  const trimmed = trimGuestLayers({ artifactsPath, current: parts.recipe.guestLayer, inUse, nowMs: Date.now() });
  const removed = await trimmed.catch(() => []);
  if (removed.length > 0) parts.events.guestLayersRemoved({ removed });
  return adopted;
}
