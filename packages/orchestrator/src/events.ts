import type { Logger } from "@sandlot/telemetry";
import { type MachineShape, shapeKey } from "./config";
import type { StageTimes } from "./guests/guest";

/** One function per thing that happens on a node and that an operator may want to see. */
export type NodeEvents = {
  sandboxStarted(of: {
    sandboxId: string;
    machineId: string;
    teamId: string;
    from: "warm" | "cold";
    times: StageTimes;
  }): void;
  sandboxStartFailed(of: { sandboxId: string; thrown: unknown; times: StageTimes }): void;
  sandboxEnded(of: { sandboxId: string; machineId: string; reason: string; times: StageTimes }): void;
  sandboxLost(of: { sandboxId: string; machineId: string; exitCode: number; outOfMemory: boolean }): void;
  sandboxUpdated(of: { sandboxId: string; endsAtMs: number; egress: boolean }): void;
  sandboxAdopted(of: { sandboxId: string; machineId: string }): void;
  envdRestored(of: { sandboxId: string; downMs: number }): void;
  endFailed(of: { machineId: string; thrown: unknown }): void;
  warmReady(of: { shape: MachineShape; machineId: string; ready: number; times: StageTimes }): void;
  warmFailed(of: { shape: MachineShape; thrown: unknown }): void;
  warmDropped(of: { machineId: string; why: string }): void;
  guestLayersRemoved(of: { removed: readonly string[] }): void;
  adoptionDone(of: { live: number; warm: number; ended: number; forgotten: number; tookMs: number }): void;
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
    envdRestored: (of) => sandboxes.warn("envd was restarted and has its identity again", of),
    endFailed: (of) => sandboxes.error("a machine would not end; trying again", of),
    warmReady: ({ shape, ...of }) => warm.info("warm machine ready", { shape: shapeKey(shape), ...of }),
    warmFailed: ({ shape, thrown }) => warm.warn("warm machine did not start", { shape: shapeKey(shape), thrown }),
    warmDropped: (of) => warm.info("warm machine let go", of),
    guestLayersRemoved: (of) => logger.info("guest layers that no machine uses are removed", of),
    adoptionDone: (of) => logger.info("machines of earlier runs sorted", of),
  };
}
