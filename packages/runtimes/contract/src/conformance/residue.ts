/** Nothing is left of a machine, whenever and however it ended. */
import { describe, expect, it } from "bun:test";
import { type Suite, said, TEST_MS } from "./suite";

export function residueCases(suite: Suite): void {
  describe("residue", () => {
    it(
      "is none when a start is broken off at any moment",
      async () => {
        const slower = suite.traits.slow === true ? 60 : 1;
        for (const afterMs of [0, 1, 2, 4, 6, 8, 10, 13, 17, 25].map((ms) => ms * slower)) {
          await using slot = await suite.harness.lease();
          const stop = new AbortController();
          const timer = setTimeout(() => stop.abort(new Error("called off")), afterMs);
          const machine = await suite.runtime
            .start(suite.request(slot), stop.signal)
            .catch((thrown: Error) => thrown.message);
          clearTimeout(timer);
          if (typeof machine === "string") expect(machine).toBe("called off");
          else await machine.end();
        }
        expect(await suite.harness.residue()).toEqual([]);
      },
      TEST_MS,
    );

    it(
      "is none when a start fails, and the fault says where",
      async () => {
        await using slot = await suite.harness.lease();
        const lost = { ...slot, netnsPath: `${slot.netnsPath}-gone` };
        await expect(suite.runtime.start(suite.request(lost), AbortSignal.timeout(TEST_MS))).rejects.toThrow(/network/);
        expect(await suite.harness.residue()).toEqual([]);
      },
      TEST_MS,
    );

    it(
      "is none after many starts and ends in one slot",
      async () => {
        await using slot = await suite.harness.lease();
        for (let round = 0; round < suite.rounds(20); round += 1) {
          const machine = await suite.runtime.start(suite.anyRequest(slot), AbortSignal.timeout(TEST_MS));
          expect((await suite.harness.run(slot, "echo up")).output.trim()).toBe("up");
          await machine.end();
        }
        expect(await suite.harness.residue()).toEqual([]);
      },
      TEST_MS,
    );

    it(
      "is none after many starts at once",
      async () => {
        const all = await Promise.all(Array.from({ length: suite.rounds(10) }, () => suite.start()));
        expect(await Promise.all(all.map((running) => said(running, "echo up")))).toEqual(
          Array(suite.rounds(10)).fill("up"),
        );
        await Promise.all(all.map((running) => running[Symbol.asyncDispose]()));
        expect(await suite.harness.residue()).toEqual([]);
      },
      TEST_MS,
    );
  });
}
