/** The node's process is killed with SIGKILL while it seals a machine, or brings machines up from a seal. The machine that
 * was being sealed must go on as if nothing had been; of the others the next sweep must leave nothing at all. */
import { describe, expect, it } from "bun:test";
import { join } from "node:path";
import { keepEverything, Suite, whatIsWrong } from "@sandlot/runtime-contract/conformance";
import { canRunMachines, containerHarness, testCriu } from "./harness";

const missing = canRunMachines() ?? (testCriu() === undefined ? "SANDLOT_TEST_CRIU is not set" : undefined);

async function dieAfter(args: readonly string[], afterMs: number): Promise<void> {
  const script = join(import.meta.dir, "seal-forever.ts");
  const node = Bun.spawn([process.execPath, script, ...args], { stdout: "pipe", stderr: "inherit" });
  await node.stdout.getReader().read();
  await Bun.sleep(afterMs);
  node.kill("SIGKILL");
  await node.exited;
}

describe("a node that dies while sealing", () => {
  it.skipIf(missing !== undefined)(
    "leaves the machine frozen and whole, and of restores nothing that its successor does not remove",
    async () => {
      const harness = await containerHarness("s");
      const suite = new Suite({ memory: true });
      await suite.open(harness);
      await using place = await harness.place();
      await using running = await suite.start();
      await keepEverything(running);
      const config = JSON.stringify(harness.config);
      for (const afterMs of [0, 8, 17, 25, 33, 42, 55, 80]) {
        await dieAfter([config, place.path], afterMs);
        const next = await harness.open();
        const [machine] = await next.list();
        await machine?.thaw();
        expect(await whatIsWrong(running)).toEqual([]);
        await next[Symbol.asyncDispose]();
      }
      await using last = await harness.place();
      const sealed = await suite.seal(running, last);
      await running.machine.end();

      await using slot = await harness.lease();
      const [build, memory] = [sealed.build, sealed.seal.memory].map((value) => JSON.stringify(value));
      for (const afterMs of [2, 15, 28, 40, 60, 130]) {
        const where = JSON.stringify({ ...harness.config, netns: slot.netnsPath });
        await dieAfter([where, last.path, build ?? "", memory ?? ""], afterMs);
        const next = await harness.open();
        await next.sweep(new Set());
        expect(await harness.residue()).toEqual([]);
        await next[Symbol.asyncDispose]();
      }
      expect(await suite.close()).toEqual([]);
    },
    60_000,
  );
});
