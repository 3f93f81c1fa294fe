import { expect, it } from "bun:test";
import { sleep, systemClock } from "@sandlot/lifetime";
import type { LiveSandbox } from "../sandboxes/entries";
import { startObserver } from "./observer";
import { Recorder } from "./recorder";

/** A live sandbox of which only what the observer looks at exists. */
function sandboxWith(machine: object, machineId = "m1"): LiveSandbox {
  const record = {
    sandboxId: machineId.replace("m", "i"),
    startedAtMs: Date.now() + 1_000,
    config: { teamId: "t", vcpu: 2n },
  };
  return { guest: { machineId, machine }, record } as unknown as LiveSandbox;
}

const STATS = {
  ...{ cpuUsedMicros: 0, memoryUsedBytes: 10, memoryCacheBytes: 3, memoryLimitBytes: 100 },
  ...{ diskUsedBytes: 5, diskLimitBytes: 50, pids: 1 },
};

it("measures a new sandbox within seconds and reads its daemon's lines, also after they were cut", async () => {
  let output = '{"level":"info","msg":"listening"}\n';
  let cpuUsedMicros = 0;
  const machine = {
    stats: async () => {
      cpuUsedMicros += 50_000;
      return { ...STATS, cpuUsedMicros };
    },
    readOutput: async ({ fromByte, maxBytes }: { fromByte: number; maxBytes: number }) => {
      const all = new TextEncoder().encode(output);
      return { bytes: all.subarray(fromByte, fromByte + maxBytes), sizeBytes: all.length };
    },
  };
  const recorder = new Recorder();
  const thrown: unknown[] = [];
  const pace = { tickMs: 10, firstMs: 200, sampleMs: 300 };
  const onError = (why: unknown) => thrown.push(why);
  const parts = { list: () => [sandboxWith(machine)], recorder, clock: systemClock, onError, pace };
  await using _ = startObserver(parts);
  const seen = () => recorder.since({ runId: "", after: 0 });
  const until = async (isThere: () => boolean): Promise<void> => {
    for (const endMs = Date.now() + 30_000; !isThere() && Date.now() < endMs; ) await sleep(10);
  };
  await until(() => seen().samples.length > 0 && seen().lines.length > 0);
  const { samples, lines } = seen();
  expect(samples[0]).toMatchObject({ sandboxId: "i1", teamId: "t", cpuCount: 2n, memoryTotalBytes: 100n });
  // 50 ms of CPU on two CPUs in 200 ms, or in the longer while that a busy host takes.
  expect(samples[0]?.cpuUsedPct).toBeWithin(1, 15);
  expect(lines.map(({ message }) => message)).toEqual(["listening"]);
  output = "cut\n";
  await until(() => seen().lines.some(({ message }) => message === "cut"));
  expect(seen().lines.map(({ message }) => message)).toContain("cut");
  expect(thrown).toEqual([]);
});

it("looks at others while one does not answer, and reads nothing twice of one that did not say how much there is", async () => {
  const line = new TextEncoder().encode('{"level":"info","msg":"once"}\n');
  let reads = 0;
  const machine = {
    stats: async () => STATS,
    readOutput: async ({ fromByte }: { fromByte: number }) => {
      reads += 1;
      return reads % 2 === 0
        ? { bytes: new Uint8Array(), sizeBytes: 0 }
        : { bytes: line.subarray(fromByte), sizeBytes: line.length };
    },
  };
  const silent = Promise.withResolvers<typeof STATS>();
  const recorder = new Recorder();
  const live = [sandboxWith({ ...machine, stats: () => silent.promise }, "m1"), sandboxWith(machine, "m2")];
  const pace = { tickMs: 5, firstMs: 5, sampleMs: 5 };
  const onError = () => undefined;
  const observer = startObserver({ list: () => live, recorder, clock: systemClock, onError, pace });
  for (const endMs = Date.now() + 10_000; reads < 5 && Date.now() < endMs; ) await sleep(5);
  silent.resolve(STATS);
  await observer[Symbol.asyncDispose]();
  expect(reads).toBeGreaterThanOrEqual(5);
  const { lines } = recorder.since({ runId: "", after: 0 });
  expect(lines.filter(({ sandboxId }) => sandboxId === "i2").map(({ message }) => message)).toEqual(["once"]);
});
