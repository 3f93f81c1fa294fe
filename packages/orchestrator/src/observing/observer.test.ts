import { expect, it } from "bun:test";
import { sleep, systemClock } from "@sandlot/lifetime";
import type { LiveSandbox } from "../sandboxes/entries";
import { startObserver } from "./observer";
import { Recorder } from "./recorder";

/** A live sandbox of which only what the observer looks at exists. */
function sandboxWith(machine: object): LiveSandbox {
  const record = { sandboxId: "i1", startedAtMs: Date.now() + 1_000, config: { teamId: "t", vcpu: 2n } };
  return { guest: { machineId: "m1", machine }, record } as unknown as LiveSandbox;
}

it("measures a new sandbox within seconds and reads its daemon's lines, also after they were cut", async () => {
  let output = '{"level":"info","msg":"listening"}\n';
  let cpuUsedMicros = 0;
  const machine = {
    stats: async () => {
      cpuUsedMicros += 50_000;
      const memory = { memoryUsedBytes: 10, memoryCacheBytes: 3, memoryLimitBytes: 100 };
      return { cpuUsedMicros, ...memory, diskUsedBytes: 5, diskLimitBytes: 50, pids: 1 };
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
