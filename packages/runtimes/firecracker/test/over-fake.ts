/** A block of cases over one runtime and one fake; whatever they did, nothing may be left at the end. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import type { Machine, MachineSlot, Runtime, StartMachine } from "@sandlot/runtime-contract";
import { canRunFakes, Harness, TEST_MS } from "./harness";

export type Suite = {
  readonly harness: Harness;
  readonly runtime: Runtime;
  start(slot: MachineSlot, changes?: Partial<StartMachine>): Promise<Machine>;
};

/** @param letter tells the blocks of one process apart. `suite` is whole once cases run. */
export function overFake(title: string, letter: string, cases: (suite: Suite) => void): void {
  const missing = canRunFakes();
  describe.skipIf(missing !== undefined)(`${title} over its fake ${missing ?? ""}`, () => {
    let harness: Harness;
    let runtime: Runtime;
    beforeAll(async () => {
      harness = await Harness.make(letter);
      runtime = await harness.open();
    });
    afterAll(async () => {
      await runtime.sweep(new Set());
      await runtime[Symbol.asyncDispose]();
      expect(await harness.residue()).toEqual([]);
      await harness[Symbol.asyncDispose]();
    }, TEST_MS);
    cases({
      get harness() {
        return harness;
      },
      get runtime() {
        return runtime;
      },
      start: (slot, changes) => runtime.start(harness.request(slot, changes), AbortSignal.timeout(TEST_MS)),
    });
  });
}
