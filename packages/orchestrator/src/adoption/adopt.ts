import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { type EgressPolicy, OPEN_EGRESS } from "@sandlot/domain";
import { Gate } from "@sandlot/lifetime";
import type { Machine } from "@sandlot/runtime-contract";
import { loadForRuntime } from "../builds/build-for-runtime";
import type { BuildOrigin } from "../builds/build-origin";
import type { NodeEvents } from "../events";
import { isEnvdUp } from "../guests/envd-door";
import type { Guest, GuestParts } from "../guests/guest";
import { SHUT } from "../guests/guest-rules";
import type { MachineRecord, SandboxRecord } from "../journal/journal";
import { limits } from "../limits";
import type { CachedSandbox } from "../resume-cache/resume-cache";
import { egressPolicyOf } from "../sandboxes/egress-policy";
import { bytesOf } from "../seals/seal-build";
import { sealedIdentityOf } from "../seals/sealed-identity";
import { ENVD_VERSION } from "../version";
import { planAdoption } from "./plan-adoption";

export type AdoptParts = GuestParts & { readonly events: NodeEvents };

export type Adopted = {
  readonly live: readonly { guest: Guest; sandbox: SandboxRecord }[];
  /** Frozen. */
  readonly cached: readonly CachedSandbox[];
  /** Thawed and answering. */
  readonly warm: readonly Guest[];
};

/**
 * Sorts what earlier runs left, however they ended: takes over machines that still live, ends half-made ones, removes
 * every remain of the rest. A sandbox whose machine lives is kept even if its envd is silent just now: its lifeline
 * brings envd back, and only the control plane decides that a sandbox ends.
 */
export async function adopt(parts: AdoptParts): Promise<Adopted> {
  const sinceMs = Date.now();
  const { all: runtimes } = parts.runtimes;
  const lists = await Promise.all(runtimes.map((runtime) => runtime.list()));
  const machines = new Map(lists.flat().map((machine) => [machine.machineId, machine]));
  const plan = planAdoption({
    journal: parts.journal.readAll(),
    living: new Set(machines.keys()),
    committed: await settleSeals(parts),
    fingerprint: parts.recipe.fingerprint,
    runtimes: parts.runtimes.names,
  });
  const gate = new Gate(limits.adoptionsAtOnce);
  const keep = new Set([
    ...plan.revive.map(({ machine }) => machine.machineId),
    ...plan.recache.map(({ machine }) => machine.machineId),
    ...plan.rewarm.map((m) => m.machineId),
  ]);
  const drop = (machineId: string): undefined => {
    keep.delete(machineId);
  };

  const live = await all(plan.revive, gate, async ({ machine, sandbox }) => {
    // Without its rules a sandbox must not run on, so failing to apply them counts as failing to take it up.
    const guest = await takeUp(parts, machine, machines.get(machine.machineId), async (taken) => {
      await forceRules(parts, taken, egressPolicyOf(sandbox.config));
      await taken.machine.thaw();
      // One that was being paused runs on: nothing of that pause is to be found by the next start.
      parts.journal.setMachineState(machine.machineId, "live");
    });
    return guest === undefined ? drop(machine.machineId) : { guest, sandbox };
  });
  const cached = await all(plan.recache, gate, async ({ machine, sandbox, buildId }) => {
    const guest = await takeUp(parts, machine, machines.get(machine.machineId), async (taken) => {
      await taken.machine.freeze();
      await forceRules(parts, taken, egressPolicyOf(sandbox.config));
      parts.journal.recordCached(machine.machineId);
    });
    return guest === undefined ? drop(machine.machineId) : { guest, record: sandbox, buildId };
  });
  const warm = await all(plan.rewarm, gate, async (machine) => {
    const guest = await takeUp(parts, machine, machines.get(machine.machineId), provenGood);
    return guest === undefined ? drop(machine.machineId) : await asRestored(parts, guest);
  });

  const removed = [...plan.end, ...plan.forget];
  for (const { machineId } of [...[...plan.revive, ...plan.recache].map(({ machine }) => machine), ...plan.rewarm])
    if (!keep.has(machineId)) removed.push(machineId);
  for (const machineId of removed) parts.journal.recordEnding(machineId);
  const stuck = await all(removed, gate, async (machineId) => endQuietly(parts, machines.get(machineId)));
  for (const runtime of runtimes) await runtime.sweep(keep);
  await parts.slots.sweep(
    new Set([...[...live, ...cached].map(({ guest }) => guest), ...warm].map((guest) => guest.slot.index)),
  );
  // What would not end stays journaled as ending: the next start tries again.
  for (const machineId of removed) if (!stuck.includes(machineId)) parts.journal.forgetMachine(machineId);
  parts.events.adoptionDone({
    live: live.length,
    warm: warm.length,
    cached: cached.length,
    ended: removed.length - plan.forget.length,
    forgotten: plan.forget.length,
    tookMs: Date.now() - sinceMs,
  });
  return { live, cached, warm };
}

/** Undefined when it cannot be taken up again as it should: it ends then. */
async function takeUp(
  parts: AdoptParts,
  record: MachineRecord,
  machine: Machine | undefined,
  prepare: (guest: Guest) => Promise<void>,
): Promise<Guest | undefined> {
  if (machine === undefined) return undefined;
  const { machineId, shape } = record;
  await using held = new AsyncDisposableStack();
  try {
    const slot = await parts.slots.adopt(record.slotIndex);
    held.defer(async () => {
      await endQuietly(parts, machine); // nothing may live in a slot that goes back to the pool
      await parts.slots.release(slot);
    });
    const origin = record.origin ?? (await originOfMachine(record, machine));
    const guest: Guest = {
      machineId,
      shape,
      slot,
      machine,
      origin,
      rules: { applied: OPEN_EGRESS },
      sealed: undefined,
    };
    await prepare(guest);
    held.move();
    return guest;
  } catch (thrown) {
    parts.events.warmDropped({ machineId, why: `could not be taken over: ${thrown}` });
    return undefined;
  }
}

/** What the slot lets through is not known any more: the rules are applied, whichever they are. */
async function forceRules({ slots }: AdoptParts, guest: Guest, policy: EgressPolicy): Promise<void> {
  await slots.applyEgress(guest.slot, policy);
  guest.rules.applied = policy;
}

/**
 * Seals that a crash left open: those whose build is committed are done, of the others nothing is remembered.
 * @returns all that are done
 */
async function settleSeals({ journal, artifacts }: AdoptParts): Promise<Map<string, { memory: boolean }>> {
  journal.forgetSealsBefore(Date.now() - limits.sealAnswersMs);
  const cached = journal.readAll().flatMap(({ machine }) => (machine.state === "cached" ? [machine.sealBuildId] : []));
  const done = new Map<string, { memory: boolean }>();
  for (const buildId of cached) if (buildId !== undefined) done.set(buildId, { memory: true });
  for (const seal of journal.readSeals()) {
    const { buildId, memory } = seal;
    if (seal.bytes === undefined) {
      const build = await artifacts.load(buildId, AbortSignal.timeout(limits.sealMs)).catch(() => undefined);
      if (build === undefined) {
        journal.forgetSeal(buildId);
        continue;
      }
      journal.recordSeal({ ...seal, bytes: bytesOf(build.manifest) });
    }
    done.set(buildId, { memory });
  }
  return done;
}

/** For machines of before it was written down: their layers bear their content's names. */
async function originOfMachine(record: MachineRecord, machine: Machine): Promise<BuildOrigin> {
  const layers = machine.layers.map(async ({ kind, path }) => {
    const { size } = await stat(path);
    const named = { sha256: basename(path).replace(/\.[a-z0-9]+$/, ""), sizeBytes: size };
    return kind === "erofs" || kind === "directory" ? named : { ...named, kind };
  });
  const { defaultUser: user, defaultWorkdir: workdir } = record;
  return { layers: await Promise.all(layers), user, workdir, envs: {}, envdVersion: ENVD_VERSION };
}

/** A warm machine is worth keeping only if its envd answers now. */
async function provenGood(guest: Guest): Promise<void> {
  await guest.machine.thaw();
  if (!(await isEnvdUp(guest.machine.address, limits.adoptWarmMs))) throw new Error("envd is silent");
}

/** One that was restored from memory is still who was sealed, and shut in until it is somebody's. */
async function asRestored(parts: AdoptParts, guest: Guest): Promise<Guest> {
  const signal = AbortSignal.timeout(limits.adoptWarmMs);
  const build = await loadForRuntime(parts.artifacts, guest.shape, signal).catch(() => undefined);
  const sealed = build === undefined ? undefined : await sealedIdentityOf(build);
  return sealed === undefined ? guest : { ...guest, sealed, rules: { applied: SHUT } };
}

/** The machine's id if it would not end. */
async function endQuietly(parts: AdoptParts, machine: Machine | undefined): Promise<string | undefined> {
  try {
    await machine?.end();
    return undefined;
  } catch (thrown) {
    const machineId = machine?.machineId ?? "";
    parts.events.endFailed({ machineId, thrown });
    return machineId;
  }
}

/** Works through `items` a few at a time; keeps what came of those that came to something. */
async function all<T, R>(items: readonly T[], gate: Gate, work: (item: T) => Promise<R | undefined>): Promise<R[]> {
  const results = await Promise.all(items.map((item) => gate.run(() => work(item))));
  return results.filter((result) => result !== undefined);
}
