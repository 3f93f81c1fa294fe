/** A seal that fails harms nothing: the machine is still frozen, and goes on when it is thawed. */
import { describe, expect, it } from "bun:test";
import type { Fault } from "@sandlot/faults";
import { keepEverything, type Place, type Running, type Suite, said, TEST_MS, TRY, whatIsWrong } from "./suite";

async function codeOf(work: Promise<unknown>): Promise<string> {
  const thrown = await work.then(
    () => undefined,
    (error: Fault) => error,
  );
  return thrown === undefined ? "none" : (thrown.code ?? thrown.message);
}

/** Seals, expecting a failure. The machine must not run before it is thawed. */
async function failToSeal(of: {
  running: Running;
  place: Place;
  memory: boolean;
  signal?: AbortSignal;
}): Promise<string> {
  await of.running.machine.freeze();
  const request = { directory: of.place.path, memory: of.memory };
  const code = await codeOf(of.running.machine.seal(request, of.signal ?? AbortSignal.timeout(TEST_MS)));
  const answered = said(of.running, "echo runs").catch(() => "broken");
  expect(await Promise.race([answered, Bun.sleep(100).then(() => "frozen")])).toBe("frozen");
  await of.running.machine.thaw();
  expect(await answered).toBe("runs");
  return code;
}

export function sealFailureCases(suite: Suite, memory: boolean): void {
  describe("a seal that fails", () => {
    it(
      "for want of disk leaves the machine as it was",
      async () => {
        await using place = await suite.harness.place({ roomBytes: 2 << 20 });
        await using running = await suite.start();
        await running.run("head -c 5000000 /dev/urandom > /srv/large");
        expect(await failToSeal({ running, place, memory: false })).toBe("machine_seal_failed");
        expect(await said(running, "wc -c < /srv/large")).toBe("5000000");
      },
      TEST_MS,
    );

    it.skipIf(!memory)(
      "for want of disk in the middle of memory leaves all processes as they were",
      async () => {
        await using running = await suite.start();
        await keepEverything(running);
        for (const roomBytes of suite.some([64 << 10, 300 << 10, 1 << 20, 4 << 20])) {
          await using place = await suite.harness.place({ roomBytes });
          expect(await failToSeal({ running, place, memory: true })).toBe("machine_seal_failed");
          expect(await whatIsWrong(running)).toEqual([]);
        }
        await using place = await suite.harness.place();
        const sealed = await suite.seal(running, place);
        await using resumed = await suite.resume(sealed, "new");
        expect(await whatIsWrong(resumed)).toEqual([]);
      },
      TEST_MS,
    );

    it.skipIf(!memory)(
      "because a process is traced says so where that stands in its way, and the machine goes on",
      async () => {
        await using place = await suite.harness.place();
        await using running = await suite.start();
        await keepEverything(running);
        await running.run(`${TRY} trace > /dev/null 2>&1 &`);
        const traced = "grep -l '^TracerPid:.*[1-9]' /proc/[0-9]*/status | head -n 1";
        for (let tries = 0; tries < 200 && (await said(running, traced)) === ""; tries += 1) await Bun.sleep(50);
        // A kernel is sealed with all that its processes do to each other.
        const expected = suite.traits.ownKernel === true ? "none" : "machine_unsealable";
        expect(await failToSeal({ running, place, memory: true })).toBe(expected);
        expect(await whatIsWrong(running)).toEqual([]);
      },
      TEST_MS,
    );

    it.skipIf(!memory)(
      "because it was called off at any moment leaves all processes as they were",
      async () => {
        await using running = await suite.start();
        await keepEverything(running);
        for (const afterMs of suite.some([0, 5, 12, 20, 30, 40, 55, 70])) {
          await using place = await suite.harness.place();
          await running.machine.freeze();
          const stop = new AbortController();
          const timer = setTimeout(() => stop.abort(new Error("called off")), afterMs);
          const request = { directory: place.path, memory: true };
          const code = await codeOf(running.machine.seal(request, stop.signal));
          clearTimeout(timer);
          expect(["called off", "none"]).toContain(code);
          await running.machine.thaw();
          expect(await whatIsWrong(running)).toEqual([]);
        }
      },
      TEST_MS,
    );

    it.skipIf(!memory)(
      "because the machine is ended meanwhile leaves nothing of it",
      async () => {
        for (const afterMs of suite.some([1, 15, 40, 60])) {
          await using place = await suite.harness.place();
          const running = await suite.start();
          await running.machine.freeze();
          const seal = codeOf(
            running.machine.seal({ directory: place.path, memory: true }, AbortSignal.timeout(TEST_MS)),
          );
          await Bun.sleep(afterMs);
          await running.machine.end();
          expect(["machine_seal_failed", "machine_unsealable", "none"]).toContain(await seal);
          expect(await suite.harness.residue()).toEqual([]);
          await running[Symbol.asyncDispose]();
        }
      },
      TEST_MS,
    );
  });
}
