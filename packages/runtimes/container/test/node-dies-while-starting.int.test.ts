/** The node's process is killed with SIGKILL while it starts machines and makes disks. The next one must find every
 * machine that lives, and its sweep must leave nothing at all: no process, mount, cgroup, loop device or file. */
import { describe, expect, it } from "bun:test";
import { join } from "node:path";
import { canRunMachines, containerHarness } from "./harness";

const missing = canRunMachines();

describe("a node that dies while starting machines", () => {
  it.skipIf(missing !== undefined)(
    "leaves nothing that its successor does not find and remove",
    async () => {
      const harness = await containerHarness("w");
      await using slot = await harness.lease();
      const config = { ...harness.config, netns: slot.netnsPath };
      const script = join(import.meta.dir, "start-forever.ts");
      for (const afterMs of [3, 20, 45, 70, 110, 160, 230, 310]) {
        const node = Bun.spawn([process.execPath, script, JSON.stringify(config), JSON.stringify(harness.layers[0])], {
          stdout: "pipe",
          stderr: "inherit",
        });
        await node.stdout.getReader().read();
        await Bun.sleep(afterMs);
        node.kill("SIGKILL");
        await node.exited;
        const next = await harness.open();
        const living = await next.list();
        const kept = living.at(0);
        await next.sweep(new Set(kept === undefined ? [] : [kept.machineId]));
        expect((await next.list()).map((machine) => machine.machineId)).toEqual(
          kept === undefined ? [] : [kept.machineId],
        );
        await kept?.end();
        await next.sweep(new Set());
        expect(await harness.residue()).toEqual([]);
        await next[Symbol.asyncDispose]();
      }
      expect(await harness.close()).toEqual([]);
    },
    60_000,
  );
});
