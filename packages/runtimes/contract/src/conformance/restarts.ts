/** Machines outlive the process that started them, and are found again. */
import { describe, expect, it } from "bun:test";
import { type Suite, said, TEST_MS } from "./suite";

export function restartsCases(suite: Suite): void {
  describe("restarts", () => {
    it(
      "finds living machines again, can end them, and hears of their end",
      async () => {
        await using running = await suite.start();
        await using second = await suite.start();
        const later = await suite.harness.open();
        const found = await later.list();
        expect(found.map((machine) => machine.machineId).sort()).toEqual(
          [running.machine.machineId, second.machine.machineId].sort(),
        );
        const again = found.find((machine) => machine.machineId === running.machine.machineId);
        expect(again?.address).toBe(running.slot.address);
        await again?.freeze();
        await again?.thaw();
        expect(await said(running, "echo same")).toBe("same");
        await again?.end();
        const other = found.find((machine) => machine.machineId === second.machine.machineId);
        await second.run("kill -TERM 1").catch(() => undefined);
        expect((await other?.ended)?.exitCode).toBe(0);
        await later[Symbol.asyncDispose]();
      },
      TEST_MS,
    );

    it(
      "handles a machine whose host-side parent was killed",
      async () => {
        if (suite.harness.orphan === undefined) return;
        await using running = await suite.start();
        await suite.harness.orphan(running.machine);
        expect(await said(running, "echo still here")).toBe("still here");
        expect((await suite.runtime.list()).length).toBe(1);
        await running.run("kill -TERM 1").catch(() => undefined);
        expect((await running.machine.ended).exitCode).toBe(137); // nobody was there to see the code
        await using another = await suite.start();
        await suite.harness.orphan(another.machine);
        await another.machine.end();
        await running.machine.end();
        expect(await suite.harness.residue()).toEqual([]);
      },
      TEST_MS,
    );

    it(
      "sweeps everything but what is to be kept",
      async () => {
        await using kept = await suite.start();
        const lost = await suite.start();
        const later = await suite.harness.open();
        await later.sweep(new Set([kept.machine.machineId]));
        expect((await later.list()).map((machine) => machine.machineId)).toEqual([kept.machine.machineId]);
        expect(await said(kept, "echo kept")).toBe("kept");
        await lost.machine.ended;
        await later.sweep(new Set());
        expect(await suite.harness.residue()).toEqual([]);
        await later[Symbol.asyncDispose]();
        await lost[Symbol.asyncDispose]();
      },
      TEST_MS,
    );
  });
}
