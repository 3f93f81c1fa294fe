import type { Logger } from "@sandlot/telemetry";
import { type MachineShape, shapeKey } from "./config";
import type { StageTimes } from "./guests/guest";
import type { SealBytes } from "./sandboxes/entries";

/** Where a sandbox's machine came from: ready and waiting, booted, restored from memory, or thawed where it was paused. */
export type StartedFrom = "warm" | "cold" | "memory" | "cache";

type SealedEvent = {
  sandboxId: string;
  machineId: string;
  buildId: string;
  bytes: SealBytes;
  times: StageTimes;
};

/** One function per thing that happens on a node and that an operator may want to see. */
export type NodeEvents = {
  sandboxStarted(of: {
    sandboxId: string;
    machineId: string;
    teamId: string;
    from: StartedFrom;
    times: StageTimes;
  }): void;
  sandboxStartFailed(of: { sandboxId: string; thrown: unknown; times: StageTimes }): void;
  sandboxEnded(of: { sandboxId: string; machineId: string; reason: string; times: StageTimes }): void;
  sandboxLost(of: { sandboxId: string; machineId: string; exitCode: number; outOfMemory: boolean }): void;
  sandboxUpdated(of: { sandboxId: string; endsAtMs: number; egress: boolean }): void;
  sandboxAdopted(of: { sandboxId: string; machineId: string }): void;
  sandboxPaused(of: SealedEvent & { memory: boolean }): void;
  sandboxCheckpointed(of: SealedEvent): void;
  sealFailed(of: { sandboxId: string; machineId: string; buildId: string; thrown: unknown }): void;
  thawFailed(of: { machineId: string; thrown: unknown }): void;
  cachedDropped(of: { sandboxId: string; machineId: string; why: string }): void;
  envdRestored(of: { sandboxId: string; downMs: number }): void;
  endFailed(of: { machineId: string; thrown: unknown }): void;
  warmReady(of: { shape: MachineShape; machineId: string; ready: number; times: StageTimes }): void;
  warmFailed(of: { shape: MachineShape; thrown: unknown }): void;
  warmDropped(of: { machineId: string; why: string }): void;
  hostProbed(of: {
    runtime: string;
    usable: boolean;
    problems: readonly string[];
    memoryProblem: string | undefined;
  }): void;
  collected(of: { bytes: number }): void;
  collectFailed(of: { thrown: unknown }): void;
  adoptionDone(of: {
    live: number;
    warm: number;
    cached: number;
    ended: number;
    forgotten: number;
    tookMs: number;
  }): void;
};

export function startEvents(logger: Logger): NodeEvents {
  const sandboxes = logger.room("sandboxes");
  const warm = logger.room("warm");
  return {
    sandboxStarted: (of) => sandboxes.info("sandbox started", of),
    sandboxStartFailed: (of) => sandboxes.warn("sandbox did not start", of),
    sandboxEnded: (of) => sandboxes.info("sandbox ended", of),
    sandboxLost: (of) => sandboxes.warn("machine of a sandbox ended by itself", of),
    sandboxUpdated: (of) => sandboxes.info("sandbox updated", of),
    sandboxAdopted: (of) => sandboxes.info("sandbox taken over from an earlier run", of),
    sandboxPaused: (of) => sandboxes.info("sandbox paused", of),
    sandboxCheckpointed: (of) => sandboxes.info("sandbox saved, and runs on", of),
    sealFailed: (of) => sandboxes.warn("a sandbox could not be saved", of),
    thawFailed: (of) => sandboxes.error("a machine would not thaw", of),
    cachedDropped: (of) => sandboxes.info("machine of a paused sandbox let go", of),
    envdRestored: (of) => sandboxes.warn("envd was restarted and has its identity again", of),
    endFailed: (of) => sandboxes.error("a machine would not end; trying again", of),
    warmReady: ({ shape, ...of }) => warm.info("warm machine ready", { shape: shapeKey(shape), ...of }),
    warmFailed: ({ shape, thrown }) => warm.warn("warm machine did not start", { shape: shapeKey(shape), thrown }),
    warmDropped: (of) => warm.info("warm machine let go", of),
    hostProbed: (of) =>
      of.usable && of.memoryProblem === undefined
        ? logger.info("a trial machine was started, saved and restored", of)
        : logger.warn("this host does not do all that is asked of it", of),
    collected: (of) => logger.info("layers that nobody refers to are removed", of),
    collectFailed: (of) => logger.warn("layers that nobody refers to could not be removed; trying again later", of),
    adoptionDone: (of) => logger.info("machines of earlier runs sorted", of),
  };
}
