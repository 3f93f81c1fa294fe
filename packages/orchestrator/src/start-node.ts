import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { ServiceInfoStatus } from "@sandlot/contracts/info";
import type { RuntimeName } from "@sandlot/domain";
import { isDiskLow, OPEN_EGRESS } from "@sandlot/domain";
import { systemClock } from "@sandlot/lifetime";
import type { Runtime, RuntimeProbe } from "@sandlot/runtime-contract";
import type { ArtifactStore } from "@sandlot/storage";
import type { Logger } from "@sandlot/telemetry";
import { adopt } from "./adoption/adopt";
import { openBuildMachines } from "./bake/build-machines";
import { loadForRuntime } from "./builds/build-for-runtime";
import type { MachineShape, OrchestratorConfig } from "./config";
import { type CrashHook, crashHook } from "./crash-points";
import type { NodeSlots } from "./egress/node-slots";
import { type NodeEvents, startEvents } from "./events";
import { Garbage } from "./garbage/garbage";
import { Pins } from "./garbage/pins";
import { type Guest, type GuestParts, type StageTimes, type StartGuest, startGuest, stopwatch } from "./guests/guest";
import { GuestEnds } from "./guests/guest-ends";
import { SHUT } from "./guests/guest-rules";
import { readMachineRecipe } from "./guests/machine-recipe";
import { rehearse } from "./guests/rehearse";
import { readDiskSpace } from "./info/disk-watermark";
import { availableMemoryBytes, HostMeter, readMachineInfo } from "./info/host-metrics";
import { Journal } from "./journal/journal";
import { limits } from "./limits";
import { startObserver } from "./observing/observer";
import { Recorder } from "./observing/recorder";
import { ResumeCache } from "./resume-cache/resume-cache";
import type { NodeParts } from "./routes/node-parts";
import type { Runtimes } from "./runtimes/runtimes";
import { Sandboxes } from "./sandboxes/sandboxes";
import { StartQueue } from "./sandboxes/start-queue";
import { memoryProblem } from "./seals/memory-problem";
import { bytesOf } from "./seals/seal-build";
import { WarmPool } from "./warm/warm-pool";

export type NodeNeeds = {
  readonly logger: Logger;
  readonly runtimes: Runtimes;
  readonly slots: NodeSlots;
  readonly artifacts: ArtifactStore;
  /** Dies at a place of its choice, for tests. */
  readonly crash?: CrashHook;
  /** Resets all proxied connections of one machine. */
  readonly cutTraffic: (machineId: string) => void;
};

/** The node without its doors: journal, sandboxes, warm pool; earlier runs' machines are taken over when it resolves. */
export type Node = AsyncDisposable & { readonly parts: NodeParts; readonly warm: WarmPool };

export async function startNode(config: OrchestratorConfig, needs: NodeNeeds): Promise<Node> {
  await using held = new AsyncDisposableStack();
  const events = startEvents(needs.logger);
  const journal = held.use(new Journal(join(config.basePath, "journal.sqlite")));
  const { artifactsPath, diskReserveMiB } = config;
  const pins = new Pins();
  const crash = needs.crash ?? crashHook(config.crashAt);
  const recipe = await readMachineRecipe(config);
  const guestParts: GuestParts = { ...needs, journal, artifactsPath, pins, recipe, crash };
  const caBundle = config.guestCaFile === undefined ? undefined : await readFile(config.guestCaFile, "utf8");
  const defaults = { caBundle, egressCa: needs.slots.egressCa, proxy: config.guestProxy };
  const adopted = await adopt({ ...guestParts, events });

  const ends = held.use(new GuestEnds({ ...guestParts, events }));
  const queue = new StartQueue({
    atOnce: limits.coldStartsAtOnce,
    waiting: limits.coldStartsWaiting,
    waitMs: limits.coldStartWaitMs,
  });
  const inTurn = (of: StartGuest, signal: AbortSignal): Promise<Guest> =>
    queue.run(() => startGuest(guestParts, of, signal), signal);
  // A disk below its watermark is as good as no memory: nothing is kept ready, and what is ready is given back.
  const availableBytes = async (): Promise<number> =>
    isDiskLow(await readDiskSpace(config.basePath), diskReserveMiB) ? 0 : await availableMemoryBytes();
  const cache = held.use(
    new ResumeCache({ size: config.resumeCacheSize, hostMemoryBytes: totalmem() }, { ends, events, availableBytes }),
  );
  const warm: WarmPool = new WarmPool(
    { size: config.warmPoolSize, pinned: config.warmBuilds },
    {
      journal,
      events,
      start: (shape, times, signal) => startWarm(guestParts, { shape, times, caBundle }, signal),
      weigh: async (shape, signal) =>
        bytesOf((await loadForRuntime(guestParts.artifacts, shape, signal)).manifest).memory,
      discard: (guest) => ends.discard(guest),
      isBusy: () => sandboxes.startingCount > 0,
      availableBytes,
    },
  );
  const sealParts = { ...guestParts, diskReserveMiB };
  const sandboxes: Sandboxes = held.use(
    new Sandboxes(config, {
      ...sealParts,
      events,
      defaults,
      ends,
      cache,
      claimWarm: (shape) => warm.claim(shape),
      claimCached: (of) => cache.claim(of),
      startGuest: inTurn,
      cutTraffic: needs.cutTraffic,
    }),
  );
  held.use(warm); // disposed of before the sandboxes, so that nothing is warmed into a stopping node
  for (const { guest, sandbox } of adopted.live) sandboxes.adopt(guest, sandbox);
  for (const cached of adopted.cached) await cache.put(cached);
  for (const guest of adopted.warm) warm.adopt(guest);
  cache.start();
  warm.start();
  const garbage = held.use(new Garbage({ ...guestParts, cache, events, guestLayer: recipe.guestLayer }));
  garbage.start();
  const problemOf = (runtime: Runtime): string | undefined => memoryProblem({ ...guestParts, runtime });
  const probes = new Map<RuntimeName, RuntimeProbe>();
  held.use(probeSoon(needs, { probes, problemOf, events }));
  const recorder = new Recorder();
  const onError = (thrown: unknown): void => needs.logger.debug("a sandbox could not be measured", { thrown });
  held.use(startObserver({ list: () => sandboxes.list(), recorder, clock: systemClock, onError }));

  const parts: NodeParts = {
    config,
    sandboxes,
    recorder,
    flows: (slot, limit) => needs.slots.flows(slot, limit),
    meter: new HostMeter(config.basePath),
    machineInfo: await readMachineInfo(),
    runtimes: needs.runtimes,
    probes,
    memoryProblem: problemOf,
    garbage,
    buildMachines: openBuildMachines({ ...sealParts, basePath: config.basePath, startGuest: inTurn, ends, defaults }),
    serviceId: randomUUID(),
    startedAtMs: Date.now(),
    status: ServiceInfoStatus.Healthy,
  };
  await parts.meter.read(); // the first reading is what later ones are measured against
  const whole = held.move();
  return { parts, warm, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}

/** What the runtimes believe of this host they prove by trials, which may take seconds: nobody waits for them. */
function probeSoon(
  { runtimes }: NodeNeeds,
  of: {
    probes: Map<RuntimeName, RuntimeProbe>;
    problemOf: (runtime: Runtime) => string | undefined;
    events: Pick<NodeEvents, "hostProbed">;
  },
): AsyncDisposable {
  const stop = new AbortController();
  const probe = async (runtime: Runtime): Promise<void> => {
    const found = await runtime.probe(stop.signal).catch((thrown: unknown) => {
      return { usable: false, problems: [String(thrown)], notes: [] };
    });
    if (stop.signal.aborted) return;
    of.probes.set(runtime.name, found);
    const { usable, problems } = found;
    of.events.hostProbed({ runtime: runtime.name, usable, problems, memoryProblem: of.problemOf(runtime) });
  };
  const probed = Promise.all(runtimes.offered.map(probe));
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("the node is stopping"));
      await probed;
    },
  };
}

/** A machine that boots is rehearsed; a container restored from memory went through all that before it was sealed. */
async function startWarm(
  parts: GuestParts,
  of: { shape: MachineShape; times: StageTimes; caBundle: string | undefined },
  signal: AbortSignal,
): Promise<Guest> {
  const { shape, times } = of;
  const guest = await startGuest(parts, { shape, times, policy: { booted: OPEN_EGRESS, restored: SHUT } }, signal);
  // Of a virtual machine the memory is there, and what an emulator has made of its code is not.
  if (guest.sealed !== undefined && shape.runtime === "container") return guest;
  const lap = stopwatch(times);
  await rehearse(guest, of.caBundle, signal);
  lap("rehearsal");
  return guest;
}
