import { Gate } from "@sandlot/lifetime";
import type { Machine } from "@sandlot/runtime-contract";
import type { NodeEvents } from "../events";
import { isEnvdUp } from "../guests/envd-door";
import type { Guest, GuestParts } from "../guests/guest";
import type { MachineRecord, SandboxRecord } from "../journal/journal";
import { limits } from "../limits";
import { egressPolicyOf } from "../sandboxes/egress-policy";
import { planAdoption } from "./plan-adoption";

export type AdoptParts = GuestParts & { readonly events: NodeEvents };

export type Adopted = {
  readonly live: readonly { guest: Guest; sandbox: SandboxRecord }[];
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
  const machines = new Map((await parts.runtime.list()).map((machine) => [machine.machineId, machine]));
  const plan = planAdoption({
    journal: parts.journal.readAll(),
    living: new Set(machines.keys()),
    fingerprint: parts.recipe.fingerprint,
  });
  const gate = new Gate(limits.adoptionsAtOnce);
  const keep = new Set([
    ...plan.revive.map(({ machine }) => machine.machineId),
    ...plan.rewarm.map((m) => m.machineId),
  ]);
  const drop = (machineId: string): undefined => {
    keep.delete(machineId);
  };

  const live = await all(plan.revive, gate, async ({ machine, sandbox }) => {
    // Without its rules a sandbox must not run on, so failing to apply them counts as failing to take it up.
    const guest = await takeUp(parts, machine, machines.get(machine.machineId), async (taken) => {
      await parts.slots.applyEgress(taken.slot, egressPolicyOf(sandbox.config));
      await taken.machine.thaw();
    });
    return guest === undefined ? drop(machine.machineId) : { guest, sandbox };
  });
  const warm = await all(plan.rewarm, gate, async (machine) => {
    const guest = await takeUp(parts, machine, machines.get(machine.machineId), provenGood);
    return guest ?? drop(machine.machineId);
  });

  const removed = [...plan.end, ...plan.forget];
  for (const { machineId } of [...plan.revive.map(({ machine }) => machine), ...plan.rewarm])
    if (!keep.has(machineId)) removed.push(machineId);
  for (const machineId of removed) parts.journal.recordEnding(machineId);
  const stuck = await all(removed, gate, async (machineId) => endQuietly(parts, machines.get(machineId)));
  await parts.runtime.sweep(keep);
  await parts.slots.sweep(new Set([...live.map(({ guest }) => guest), ...warm].map((guest) => guest.slot.index)));
  // What would not end stays journaled as ending: the next start tries again.
  for (const machineId of removed) if (!stuck.includes(machineId)) parts.journal.forgetMachine(machineId);
  parts.events.adoptionDone({
    live: live.length,
    warm: warm.length,
    ended: removed.length - plan.forget.length,
    forgotten: plan.forget.length,
    tookMs: Date.now() - sinceMs,
  });
  return { live, warm };
}

/** Undefined when it cannot be taken up again as it should: it ends then. */
async function takeUp(
  parts: AdoptParts,
  record: MachineRecord,
  machine: Machine | undefined,
  prepare: (guest: Guest) => Promise<void>,
): Promise<Guest | undefined> {
  if (machine === undefined) return undefined;
  const { machineId, shape, defaultUser, defaultWorkdir } = record;
  await using held = new AsyncDisposableStack();
  try {
    const slot = await parts.slots.adopt(record.slotIndex);
    held.defer(async () => {
      await endQuietly(parts, machine); // nothing may live in a slot that goes back to the pool
      await parts.slots.release(slot);
    });
    const guest = { machineId, shape, slot, machine, defaultUser, defaultWorkdir };
    await prepare(guest);
    held.move();
    return guest;
  } catch (thrown) {
    parts.events.warmDropped({ machineId, why: `could not be taken over: ${thrown}` });
    return undefined;
  }
}

/** A warm machine is worth keeping only if its envd answers now. */
async function provenGood(guest: Guest): Promise<void> {
  await guest.machine.thaw();
  if (!(await isEnvdUp(guest.machine.address, limits.adoptWarmMs))) throw new Error("envd is silent");
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
