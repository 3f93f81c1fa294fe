/** The node's process is killed at any moment of starts and ends: the next one removes all that is left, and starts anew. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { join } from "node:path";
import { canRunFakes, Harness, TEST_MS } from "./harness";

const missing = canRunFakes();

describe.skipIf(missing !== undefined)(`a node that dies, with firecracker over its fake ${missing ?? ""}`, () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await Harness.make("n");
  });
  afterAll(() => harness[Symbol.asyncDispose]());

  it(
    "leaves nothing that the next one does not remove",
    async () => {
      await using slot = await harness.lease();
      const given = JSON.stringify({ config: harness.config, slot, layer: join(harness.root, "layer") });
      for (const afterMs of [3, 15, 30, 50, 80, 120, 200]) {
        const child = Bun.spawn([process.execPath, join(import.meta.dir, "start-forever.ts"), given], {
          stdout: "pipe",
          stderr: "inherit",
        });
        await child.stdout.getReader().read();
        await Bun.sleep(afterMs);
        child.kill("SIGKILL");
        await child.exited;
        const later = await harness.open();
        // A helper that was making a disk ends by itself, and may have made a file while its directory was being removed.
        const until = Date.now() + 20_000;
        do await later.sweep(new Set());
        while ((await harness.residue()).length > 0 && Date.now() < until);
        expect([afterMs, await harness.residue()]).toEqual([afterMs, []]);
        await later[Symbol.asyncDispose]();
      }
      const runtime = await harness.open();
      const machine = await runtime.start(harness.request(slot), AbortSignal.timeout(TEST_MS));
      expect((await harness.guest(machine).state()).frozen).toBe(false);
      await machine.end();
      await runtime[Symbol.asyncDispose]();
    },
    TEST_MS * 2,
  );
});
