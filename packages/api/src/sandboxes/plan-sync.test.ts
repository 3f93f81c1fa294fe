import { expect, it } from "bun:test";
import type { SandboxRecord } from "@sandlot/state";
import { planSync, type SyncView } from "./plan-sync";

function record(sandboxId: string, over: Partial<SandboxRecord> = {}): SandboxRecord {
  const life = { startedAtMs: 0, endsAtMs: 100_000, maxLengthHours: 24 };
  const size = { cpuCount: 2, memoryMiB: 1024, diskMiB: 1024, envdVersion: "0.6.13" };
  const pause = { allowInternetAccess: null, autoPause: false, autoPauseMemory: true, autoResume: false };
  const place = { nodeId: "n", nodeIp: "10.0.0.1", executionId: "e" };
  const names = { sandboxId, teamId: "t", templateId: "b", buildId: "u" };
  return { ...names, ...place, ...life, ...size, ...pause, state: "running", metadata: {}, ...over };
}

function twoRounds(over: Partial<SyncView>): unknown[] {
  const view: SyncView = {
    ...{ nodeId: "n", seen: [], known: [], before: new Set<string>(), nowMs: 50_000, graceMs: 5_000 },
    ...{ isStarting: () => false, wasEndedHere: () => false },
    ...over,
  };
  const first = planSync(view);
  expect(first.steps).toEqual([]); // never at first sight
  return planSync({ ...view, before: first.noted }).steps.map((step) => ({
    do: step.do,
    ...("sandboxId" in step ? { id: step.sandboxId } : { id: step.record.sandboxId }),
  }));
}

it("does nothing while both agree", () => {
  expect(twoRounds({ seen: [record("a")], known: [record("a"), record("x", { nodeId: "other" })] })).toEqual([]);
});

it("takes back what only the node knows", () => {
  expect(twoRounds({ seen: [record("a")] })).toEqual([{ do: "adopt", id: "a" }]);
  expect(twoRounds({ seen: [record("a")], isStarting: () => true })).toEqual([]);
});

it("takes back what is overdue but to be paused, and never drops what is being sealed", () => {
  const late = record("a", { endsAtMs: 1, autoPause: true });
  expect(twoRounds({ seen: [late] })).toEqual([{ do: "adopt", id: "a" }]);
  expect(twoRounds({ known: [record("a", { state: "pausing" })] })).toEqual([]);
});

it("ends what was ended here, what is overdue, and what lives elsewhere", () => {
  expect(twoRounds({ seen: [record("a")], wasEndedHere: () => true })).toEqual([{ do: "end", id: "a" }]);
  expect(twoRounds({ seen: [record("a", { endsAtMs: 1 })] })).toEqual([{ do: "end", id: "a" }]);
  const elsewhere = { seen: [record("a")], known: [record("a", { nodeId: "m" })] };
  expect(twoRounds(elsewhere)).toEqual([{ do: "end", id: "a" }]);
  expect(twoRounds({ seen: [record("a")], known: [record("a", { executionId: "f" })] })).toEqual([
    { do: "end", id: "a" },
  ]);
});

it("drops what its node no longer has, but not the young and not the ending", () => {
  expect(twoRounds({ known: [record("a")] })).toEqual([{ do: "drop", id: "a" }]);
  expect(twoRounds({ known: [record("a", { startedAtMs: 49_000 })] })).toEqual([]);
  expect(twoRounds({ known: [record("a", { state: "killing" })] })).toEqual([]);
});

it("tells the node an end time that it missed", () => {
  expect(twoRounds({ seen: [record("a")], known: [record("a", { endsAtMs: 200_000 })] })).toEqual([
    { do: "tell", id: "a" },
  ]);
});
