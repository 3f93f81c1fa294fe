import type { RuntimeName } from "@sandlot/domain";
import type { JournalEntry, MachineRecord, SandboxRecord } from "../journal/journal";

/** What to do with what earlier runs left. */
export type AdoptionPlan = {
  /** Carried a sandbox and still live. */
  readonly revive: readonly { machine: MachineRecord; sandbox: SandboxRecord }[];
  /** Were paused, and their frozen machines still live. */
  readonly recache: readonly { machine: MachineRecord; sandbox: SandboxRecord; buildId: string }[];
  /** Were ready in the pool, still live, and are made as this run makes them. */
  readonly rewarm: readonly MachineRecord[];
  /** Live, but half made, half ended, warm and out of date, or unknown to the journal: to be ended. */
  readonly end: readonly string[];
  /** Journaled and no longer there: rows to drop once the sweep has removed their remains. */
  readonly forget: readonly string[];
};

/** Pure: the journal and the machines that still live decide; the sweep takes care of everything not kept. */
export function planAdoption(of: {
  journal: readonly JournalEntry[];
  living: ReadonlySet<string>;
  /** Builds that are whole: a machine that was being paused as one of them is paused, one of the others runs on. */
  committed: ReadonlyMap<string, { memory: boolean }>;
  /** Of this run: a sandbox keeps the machine it has, but nobody is given one of yesterday's making. */
  fingerprint: string;
  /** Nobody is given a machine of a runtime that makes none any more. */
  runtimes: readonly RuntimeName[];
}): AdoptionPlan {
  const { journal, living } = of;
  const revive: { machine: MachineRecord; sandbox: SandboxRecord }[] = [];
  const recache: { machine: MachineRecord; sandbox: SandboxRecord; buildId: string }[] = [];
  const rewarm: MachineRecord[] = [];
  const end: string[] = [];
  const forget: string[] = [];
  const slotsTaken = new Set<number>();
  for (const { machine, sandbox } of journal) {
    const { machineId, state } = machine;
    if (!living.has(machineId)) {
      forget.push(machineId);
      continue;
    }
    // Two machines in one slot cannot be; should the journal say so, the second is not to be trusted.
    const canStay = !slotsTaken.has(machine.slotIndex);
    const buildId = machine.sealBuildId ?? "";
    const seal = of.committed.get(buildId);
    const isWhole = sandbox !== undefined && canStay;
    const isPaused = state === "cached" || (state === "pausing" && seal !== undefined);
    if (isPaused && isWhole && seal?.memory === true) recache.push({ machine, sandbox, buildId });
    else if ((state === "live" || (state === "pausing" && !isPaused)) && isWhole) revive.push({ machine, sandbox });
    else if (state === "warm" && sandbox === undefined && canStay && isAsMadeNow(machine, of)) rewarm.push(machine);
    else {
      end.push(machineId);
      continue;
    }
    slotsTaken.add(machine.slotIndex);
  }
  const journaled = new Set(journal.map(({ machine }) => machine.machineId));
  end.push(...[...living].filter((machineId) => !journaled.has(machineId)));
  return { revive, recache, rewarm, end, forget };
}

function isAsMadeNow(
  { recipe, shape }: MachineRecord,
  of: { fingerprint: string; runtimes: readonly RuntimeName[] },
): boolean {
  return recipe.fingerprint === of.fingerprint && of.runtimes.includes(shape.runtime);
}
