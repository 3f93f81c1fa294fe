/** A CRIU that does not work on this host is found out by the probe, and the disk can be sealed all the same. */
import { expect, it } from "bun:test";
import { Suite } from "@sandlot/runtime-contract/conformance";
import { canRunMachines, containerHarness } from "./harness";

const missing = canRunMachines();

it.skipIf(missing !== undefined).each(["/bin/false", "/nowhere/criu", "/bin/true"])(
  "tells that %s seals no memory",
  async (criuPath) => {
    const harness = await containerHarness("f", { criuPath });
    const suite = new Suite({ memory: true });
    await suite.open(harness);
    const probe = await suite.runtime.probe(AbortSignal.timeout(30_000));
    expect(probe.usable).toBe(true);
    expect(suite.runtime.capabilities.memorySnapshots).toBe(false);
    expect(probe.notes).toContain(suite.runtime.capabilities.memorySnapshotsProblem ?? "");
    {
      await using place = await harness.place();
      await using running = await suite.start();
      const sealed = await suite.seal(running, place, false);
      await using other = await suite.boot({}, { build: sealed.build });
      expect((await other.run("echo up")).output.trim()).toBe("up");
    }
    expect(await suite.close()).toEqual([]);
  },
  60_000,
);
