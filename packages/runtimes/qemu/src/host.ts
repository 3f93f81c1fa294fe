/** What this host runs machines with: found out once, told to seals, refused by restores that do not fit. */
import { type GuestKernel, loadGuestKernel } from "@sandlot/runtime-microvm";
import { QEMU_PATH, type QemuRuntimeConfig } from "./config";
import { qemuFaults } from "./faults";
import { ensureTree, type QemuTree } from "./tree";

export type QemuHost = {
  readonly tree: QemuTree;
  readonly kernel: GuestKernel;
  /** Of this host's time stamp counter. */
  readonly tscKHz: number;
};

/** @throws Fault `qemu_no_program`, `microvm_no_kernel` */
export async function examineHost(config: QemuRuntimeConfig, treesDir: string): Promise<QemuHost> {
  const [tree, kernel, tscKHz] = await Promise.all([
    ensureTree({ dir: treesDir, qemuPath: QEMU_PATH, libraryPath: config.memoryLibraryPath }),
    loadGuestKernel({ directory: config.kernelDir, initPath: config.guestInitPath }),
    measureTsc(config.launcherPath),
  ]);
  return { tree, kernel, tscKHz };
}

async function measureTsc(launcherPath: string): Promise<number> {
  const child = Bun.spawn([launcherPath, "tsc"], { stdin: "ignore", stdout: "pipe", stderr: "ignore", env: {} });
  const kHz = Number((await new Response(child.stdout).text()).trim());
  if (!Number.isFinite(kHz) || kHz < 100_000)
    throw qemuFaults.no_program({ path: launcherPath, reason: "no time stamp counter" });
  return kHz;
}
