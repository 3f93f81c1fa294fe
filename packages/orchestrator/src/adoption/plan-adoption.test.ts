import { describe, expect, it } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { SandboxConfigSchema } from "@sandlot/contracts/orchestrator";
import type { JournalEntry, MachineState } from "../journal/journal";
import { planAdoption } from "./plan-adoption";

function entry(
  machineId: string,
  state: MachineState,
  of: { slot: number; sandboxId?: string; fingerprint?: string; sealBuildId?: string; runtime?: "qemu" },
): JournalEntry {
  return {
    machine: {
      machineId,
      slotIndex: of.slot,
      shape: { runtime: of.runtime ?? "container", buildId: "b", cpuCount: 1, memoryMiB: 1, diskMiB: 1 },
      defaultUser: "user",
      defaultWorkdir: "/",
      recipe: { guestLayer: "/guest/x", fingerprint: of.fingerprint ?? "now" },
      origin: undefined,
      ...(of.sealBuildId === undefined ? {} : { sealBuildId: of.sealBuildId }),
      state,
      madeAtMs: 0,
    },
    sandbox:
      of.sandboxId === undefined
        ? undefined
        : { sandboxId: of.sandboxId, config: create(SandboxConfigSchema), startedAtMs: 0, endsAtMs: 0 },
  };
}

function outcome(journal: JournalEntry[], living: string[]) {
  const committed = new Map([
    ["memory", { memory: true }],
    ["disk", { memory: false }],
  ]);
  const plan = planAdoption({
    ...{ journal, living: new Set(living), committed, fingerprint: "now" },
    runtimes: ["container"],
  });
  return {
    revive: plan.revive.map(({ machine }) => machine.machineId),
    recache: plan.recache.map(({ machine }) => machine.machineId),
    rewarm: plan.rewarm.map((machine) => machine.machineId),
    end: plan.end,
    forget: plan.forget,
  };
}

describe(planAdoption, () => {
  it("keeps what lives and was whole, ends what lives and was not, forgets what is gone", () => {
    const journal = [
      entry("live", "live", { slot: 1, sandboxId: "a" }),
      entry("livegone", "live", { slot: 2, sandboxId: "b" }),
      entry("warm", "warm", { slot: 3 }),
      entry("warmgone", "warm", { slot: 4 }),
      entry("halfmade", "starting", { slot: 5 }),
      entry("claimed", "starting", { slot: 6, sandboxId: "c" }),
      entry("ending", "ending", { slot: 7 }),
      entry("endinggone", "ending", { slot: 8 }),
    ];
    expect(outcome(journal, ["live", "warm", "halfmade", "claimed", "ending", "stranger"])).toEqual({
      revive: ["live"],
      recache: [],
      rewarm: ["warm"],
      end: ["halfmade", "claimed", "ending", "stranger"],
      forget: ["livegone", "warmgone", "endinggone"],
    });
  });

  it("keeps a sandbox on the machine it has, and no warm machine made otherwise than today", () => {
    const journal = [
      entry("live", "live", { slot: 1, sandboxId: "a", fingerprint: "yesterday" }),
      entry("old", "warm", { slot: 2, fingerprint: "yesterday" }),
      entry("new", "warm", { slot: 3 }),
    ];
    expect(outcome(journal, ["live", "old", "new"])).toEqual({
      revive: ["live"],
      recache: [],
      rewarm: ["new"],
      end: ["old"],
      forget: [],
    });
  });

  it("takes a pause for done exactly if its build is committed, and keeps what was paused", () => {
    const journal = [
      entry("half", "pausing", { slot: 1, sandboxId: "a", sealBuildId: "nothing" }),
      entry("done", "pausing", { slot: 2, sandboxId: "b", sealBuildId: "memory" }),
      entry("disk", "pausing", { slot: 3, sandboxId: "c", sealBuildId: "disk" }),
      entry("cached", "cached", { slot: 4, sandboxId: "d", sealBuildId: "memory", fingerprint: "yesterday" }),
      entry("cachedgone", "cached", { slot: 5, sandboxId: "e", sealBuildId: "memory" }),
    ];
    expect(outcome(journal, ["half", "done", "disk", "cached"])).toEqual({
      revive: ["half"],
      recache: ["done", "cached"],
      rewarm: [],
      end: ["disk"],
      forget: ["cachedgone"],
    });
  });

  it("trusts only one machine per slot", () => {
    const journal = [entry("m1", "live", { slot: 1, sandboxId: "a" }), entry("m2", "warm", { slot: 1 })];
    expect(outcome(journal, ["m1", "m2"])).toEqual({
      revive: ["m1"],
      recache: [],
      rewarm: [],
      end: ["m2"],
      forget: [],
    });
  });
});
