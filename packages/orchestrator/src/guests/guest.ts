import type { Slot, SlotPool } from "@sandlot/network";
import type { Machine, MachineEnd, Runtime } from "@sandlot/runtime-contract";
import { type BuildPlaces, loadBuild } from "../builds/load-build";
import type { MachineShape } from "../config";
import { nodeFaults } from "../faults";
import type { Journal } from "../journal/journal";
import { limits } from "../limits";
import { waitForEnvd } from "./envd-door";
import type { MachineRecipe } from "./machine-recipe";

/** A machine in its slot with an envd that answers; whose it is, if anyone's, is not its business. */
export type Guest = {
  readonly machineId: string;
  readonly shape: MachineShape;
  readonly slot: Slot;
  readonly machine: Machine;
  readonly defaultUser: string;
  readonly defaultWorkdir: string;
};

export type GuestParts = {
  readonly runtime: Runtime;
  readonly slots: SlotPool;
  readonly journal: Journal;
  readonly builds: BuildPlaces;
  /** The runtime makes machines by it; here it is only written down. */
  readonly recipe: MachineRecipe;
};

/** Durations of the steps of a start, in milliseconds. */
export type StageTimes = Record<string, number>;

/** Inside, until the sandbox's own name is set by /init. */
const NEUTRAL_HOSTNAME = "sandbox";

/**
 * Cold start: leases a slot, journals, starts the machine and waits for its envd. The journal says `starting`.
 * On any failure nothing is left, journal included.
 * @throws Fault `node_files_missing`, `node_guest_silent`, `node_guest_ended`, or whatever slot pool and runtime throw
 */
export async function startGuest(
  parts: GuestParts,
  of: { shape: MachineShape; times: StageTimes },
  signal: AbortSignal,
): Promise<Guest> {
  const { shape, times } = of;
  const machineId = newMachineId();
  const lap = stopwatch(times);
  const build = await loadBuild(parts.builds, shape.buildId);
  lap("build");
  await using held = new AsyncDisposableStack();
  held.defer(() => parts.journal.forgetMachine(machineId)); // last of all: what it names must be gone first
  const slot = await parts.slots.lease(signal);
  held.defer(() => parts.slots.release(slot));
  lap("slot");
  parts.journal.recordMachine({
    machineId,
    slotIndex: slot.index,
    shape,
    defaultUser: build.defaultUser,
    defaultWorkdir: build.defaultWorkdir,
    recipe: parts.recipe,
    state: "starting",
    madeAtMs: Date.now(),
  });
  const { cpuCount, memoryMiB, diskMiB } = shape;
  const machine = await parts.runtime.start(
    {
      machineId,
      build: build.sealed,
      limits: { cpuCount, memoryMiB, diskMiB, pidsMax: limits.pidsPerMachine },
      slot,
      hostname: NEUTRAL_HOSTNAME,
    },
    signal,
  );
  held.defer(() => machine.end());
  lap("machine");
  await untilUp(machine, signal);
  lap("envd");
  held.move(); // whole: from here on the caller ends it
  return {
    machineId,
    shape,
    slot,
    machine,
    defaultUser: build.defaultUser,
    defaultWorkdir: build.defaultWorkdir,
  };
}

/** Envd answers, or the machine's own end says why it never will. */
async function untilUp(machine: Machine, signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const up = waitForEnvd({
    address: machine.address,
    waitMs: limits.envdUpMs,
    signal: AbortSignal.any([signal, stop.signal]),
  });
  const died = machine.ended.then((end: MachineEnd): never => {
    throw nodeFaults.guest_ended(end);
  });
  died.catch(() => undefined); // most machines end long after this race
  try {
    await Promise.race([up, died]);
  } finally {
    stop.abort(new Error("no longer waiting for envd"));
    await up.catch(() => undefined);
  }
}

/** Laps in milliseconds with one decimal, written under the lap's name. */
export function stopwatch(times: StageTimes): (name: string) => void {
  let lastMs = performance.now();
  return (name) => {
    const nowMs = performance.now();
    times[name] = Math.round((nowMs - lastMs) * 10) / 10;
    lastMs = nowMs;
  };
}

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

function newMachineId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `m${Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("")}`;
}
