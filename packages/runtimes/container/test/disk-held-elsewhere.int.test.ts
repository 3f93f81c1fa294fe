/** Any program that made a mount namespace of its own holds a copy of the mounts there were, and where the host's are not
 * shared no unmount reaches it. It must keep neither the node from starting nor a machine from ending. */
import { expect, it } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { runLauncher } from "@sandlot/runtime-host";
import { canRunMachines, containerHarness } from "./harness";

const missing = canRunMachines();
const { signal } = new AbortController();

/** A program with copies of all mounts there are now. @param propagation whether it wants to hear of unmounts */
async function holdMounts(propagation: "private" | "slave", ...words: string[]): Promise<AsyncDisposable> {
  const script = `echo held; exec ${[...words, "/bin/sleep", "300"].join(" ")}`;
  const argv = ["unshare", "--mount", "--propagation", propagation, "sh", "-c", script];
  const holder = Bun.spawn(argv, { stdout: "pipe" });
  await holder.stdout.getReader().read();
  return {
    async [Symbol.asyncDispose]() {
      holder.kill("SIGKILL");
      await holder.exited;
    },
  };
}

it.skipIf(missing !== undefined)(
  "starts while a left disk is held by another mount namespace",
  async () => {
    const harness = await containerHarness("h");
    const { launcherPath, nodeDir } = harness.config;
    const size = join(nodeDir, "uppers", "64");
    const left = join(size, "n-left");
    await mkdir(left, { recursive: true });
    const template = join(size, "template.ext4");
    expect(
      Bun.spawnSync(["mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "lazy_itable_init=1", template, "64M"]).exitCode,
    ).toBe(0);
    await runLauncher(launcherPath, ["upper", "--template", template, "--dir", left]);
    {
      await using _ = await holdMounts("private");
      const startMs = performance.now();
      const runtime = await harness.open();
      expect(performance.now() - startMs).toBeLessThan(15_000);
      expect(await runtime.list()).toEqual([]);
      await runtime[Symbol.asyncDispose]();
      expect(await readdir(size)).toEqual(["template.ext4"]);
    }
    expect(await harness.close()).toEqual([]);
  },
  60_000,
);

it.skipIf(missing !== undefined)(
  "ends a machine whose disk other mount namespaces hold, also those that see little of it",
  async () => {
    const harness = await containerHarness("g");
    const runtime = await harness.open();
    const size = join(harness.config.nodeDir, "uppers", "64");
    const start = async () => {
      const slot = await harness.lease();
      const limits = { cpuCount: 1, memoryMiB: 96, diskMiB: 64, pidsMax: 64 };
      const build = { buildId: "held", layers: harness.layers };
      const machineId = `m${slot.netnsPath.slice(-1)}`;
      const machine = await runtime.start({ machineId, build, limits, slot, hostname: "box" }, signal);
      return {
        async [Symbol.asyncDispose]() {
          await machine.end();
          await slot[Symbol.asyncDispose]();
        },
      };
    };
    await (await start())[Symbol.asyncDispose]();
    while ((await readdir(size)).filter((name) => name.startsWith("r-")).length < 2) await Bun.sleep(10);
    {
      await using _private = await holdMounts("private");
      await using _slave = await holdMounts("slave");
      await using _narrow = await holdMounts("private", "chroot", "/usr");
      const machine = await start();
      const startMs = performance.now();
      await machine[Symbol.asyncDispose]();
      expect(performance.now() - startMs).toBeLessThan(15_000);
      expect(await harness.residue()).toEqual([]);
    }
    await runtime[Symbol.asyncDispose]();
    expect(await harness.close()).toEqual([]);
  },
  60_000,
);
