/** Any program that made a mount namespace of its own holds a copy of the mounts there were. A disk that is held so
 * cannot be removed at once; it must not keep the node from starting, and goes as soon as its holder does. */
import { expect, it } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { runLauncher } from "@sandlot/runtime-host";
import { canRunMachines, containerHarness } from "./harness";

const missing = canRunMachines();

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
    const holder = Bun.spawn(
      ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo held; exec sleep 60"],
      {
        stdout: "pipe",
      },
    );
    await holder.stdout.getReader().read();

    const startMs = performance.now();
    const runtime = await harness.open();
    expect(performance.now() - startMs).toBeLessThan(5_000);
    expect(await runtime.list()).toEqual([]);

    holder.kill("SIGKILL");
    await holder.exited;
    await runtime[Symbol.asyncDispose]();
    expect(await harness.close()).toEqual([]);
  },
  60_000,
);
