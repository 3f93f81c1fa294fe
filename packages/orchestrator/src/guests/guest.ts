import { join } from "node:path";
import { type EgressPolicy, OPEN_EGRESS } from "@sandlot/domain";
import type { Slot } from "@sandlot/network";
import type { Machine, MachineEnd, StartMachine } from "@sandlot/runtime-contract";
import type { ArtifactStore, LoadedBuild } from "@sandlot/storage";
import { loadForRuntime } from "../builds/build-for-runtime";
import { type BuildOrigin, originOf } from "../builds/build-origin";
import { loadBuild } from "../builds/load-build";
import type { MachineShape } from "../config";
import type { CrashHook } from "../crash-points";
import type { NodeSlots } from "../egress/node-slots";
import { nodeFaults } from "../faults";
import type { Pins } from "../garbage/pins";
import type { Journal } from "../journal/journal";
import { limits } from "../limits";
import type { Runtimes } from "../runtimes/runtimes";
import { IDENTITY_FILE, type SealedIdentity, sealedIdentityOf } from "../seals/sealed-identity";
import { waitForEnvd } from "./envd-door";
import { applyRules } from "./guest-rules";
import type { MachineRecipe } from "./machine-recipe";

/** A machine in its slot with an envd that answers; whose it is, if anyone's, is not its business. */
export type Guest = {
  readonly machineId: string;
  readonly shape: MachineShape;
  readonly slot: Slot;
  readonly machine: Machine;
  readonly origin: BuildOrigin;
  /** What its slot lets it reach now. */
  readonly rules: { applied: EgressPolicy };
  /** Whose memory it runs on from, until it has been given an identity of its own. Undefined for one that booted. */
  readonly sealed: SealedIdentity | undefined;
};

export type GuestParts = {
  readonly runtimes: Runtimes;
  readonly slots: NodeSlots;
  readonly journal: Journal;
  readonly artifacts: ArtifactStore;
  /** Below which `guest/` holds the guest layers. */
  readonly artifactsPath: string;
  readonly pins: Pins;
  /** The runtime makes machines by it; here it is only written down. */
  readonly recipe: MachineRecipe;
  readonly crash: CrashHook;
};

/** Durations of the steps of a start, in milliseconds. */
export type StageTimes = Record<string, number>;

export type StartGuest = {
  readonly shape: MachineShape;
  readonly times: StageTimes;
  /** Boot from the disk although the build has memory. */
  readonly filesystemBoot?: boolean;
  /** From the build's own layers, whatever was baked of it for runtimes: where templates are made. */
  readonly isWorkbench?: boolean;
  /** `keep`: the memory is this very sandbox's. */
  readonly identity?: "keep" | "new";
  /** What it may reach from its first step on: code of a user's runs at once in one that is restored. */
  readonly policy?: { readonly booted: EgressPolicy; readonly restored: EgressPolicy };
};

/** Inside, until the sandbox's own name is set by /init. */
const NEUTRAL_HOSTNAME = "sandbox";

/**
 * Leases a slot, journals, starts the machine (from the build's memory, where it has some) and waits for its envd. The
 * journal says `starting`. On any failure nothing is left, journal included; memory that cannot be restored fails it and
 * is never silently left out.
 * @throws Fault `node_runtime_not_offered`, `node_build_other_runtime`, `node_files_missing`, `node_build_broken`, `machine_seal_unreadable`, `node_guest_silent`,
 * `node_guest_ended`, or whatever slot pool and runtime throw
 */
export async function startGuest(parts: GuestParts, of: StartGuest, signal: AbortSignal): Promise<Guest> {
  const { shape, times } = of;
  const machineId = newMachineId();
  const lap = stopwatch(times);
  const runtime = parts.runtimes.offer(shape.runtime);
  const build = await (of.isWorkbench === true
    ? loadBuild(parts.artifacts, shape.buildId, signal)
    : loadForRuntime(parts.artifacts, shape, signal));
  using _ = parts.pins.hold(build); // until the journal names them
  const restore = of.filesystemBoot === true ? undefined : await restoreOf(build, of.identity ?? "new");
  lap("build");
  await using held = new AsyncDisposableStack();
  held.defer(() => parts.journal.forgetMachine(machineId)); // last of all: what it names must be gone first
  const slot = await parts.slots.lease(signal);
  held.defer(() => parts.slots.release(slot));
  lap("slot");
  const origin = await originOf(build);
  const guestLayer = restore?.guestLayerDir ?? parts.recipe.guestLayer;
  parts.journal.recordMachine({
    machineId,
    slotIndex: slot.index,
    shape,
    defaultUser: origin.user,
    defaultWorkdir: origin.workdir,
    recipe: { ...parts.recipe, guestLayer },
    origin,
    state: "starting",
    madeAtMs: Date.now(),
  });
  if (restore !== undefined) await parts.crash("restore.journaled");
  const rules = { applied: OPEN_EGRESS };
  if (of.policy !== undefined)
    await applyRules(parts.slots, { slot, rules }, restore === undefined ? of.policy.booted : of.policy.restored);
  const { cpuCount, memoryMiB, diskMiB } = shape;
  const machine = await runtime.start(
    {
      machineId,
      build: { buildId: shape.buildId, layers: build.layers },
      limits: { cpuCount, memoryMiB, diskMiB, pidsMax: limits.pidsPerMachine },
      slot,
      hostname: NEUTRAL_HOSTNAME,
      ...(restore === undefined ? {} : { restore: restore.from, guestLayerDir: restore.guestLayerDir }),
    },
    signal,
  );
  held.defer(() => machine.end());
  lap(restore === undefined ? "machine" : "restore");
  if (restore !== undefined) await parts.crash("restore.restored");
  await untilUp(machine, signal);
  if (restore !== undefined) await parts.crash("restore.answering");
  lap("envd");
  held.move(); // whole: from here on the caller ends it
  return { machineId, shape, slot, machine, origin, rules, sealed: restore?.sealed };
}

type Restore = {
  readonly from: NonNullable<StartMachine["restore"]>;
  readonly guestLayerDir: string;
  readonly sealed: SealedIdentity;
};

/** Undefined when the build has no memory: it boots then. */
async function restoreOf(build: LoadedBuild, identity: "keep" | "new"): Promise<Restore | undefined> {
  const { manifest, memoryDir, guestLayerDir } = build;
  const sealed = await sealedIdentityOf(build);
  if (manifest.memory === undefined || memoryDir === undefined || guestLayerDir === undefined || sealed === undefined)
    return undefined;
  const { runtime, format, files } = manifest.memory;
  const memory = { runtime, format, files: files.filter(({ name }) => name !== IDENTITY_FILE) };
  return { from: { directory: memoryDir, memory, identity }, guestLayerDir, sealed };
}

/** Where guest layers lie that sealed memory may name: below the artifacts, so that a collection knows them. */
export function guestLayersOf(artifactsPath: string): string {
  return join(artifactsPath, "guest");
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
