/** Brings a real QEMU runtime to the conformance suite: own node directory, own tag, bare slots without uplink. */
import { copyFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import { bareHost, furnishGuestLayer, killLauncher, makeBareRoot, sh } from "@sandlot/runtime-contract/bare-host";
import type { ConformanceHarness, Traits } from "@sandlot/runtime-contract/conformance";
import { silentLogger } from "@sandlot/telemetry";
import { buildQemuRuntime } from "../build";
import { type QemuRuntimeConfig, startQemuRuntime } from "../src/index";

const PATH = "/usr/sbin:/sbin:/usr/bin:/bin";
/** Recipes of what lies in other packages; run as the build runs them. */
const GUEST_INIT = join(import.meta.dir, "../../microvm/build.ts");
const GUEST_LAYER = join(import.meta.dir, "../../container/build.ts");

export function canRunMachines(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  for (const tool of ["gcc", "ip", "nsenter", "mkfs.ext4", "mkfs.erofs", "qemu-system-x86_64", "qemu-img"])
    if (Bun.which(tool, { PATH }) === null) return `no ${tool}`;
  if ((process.env.SANDLOT_TEST_KERNEL ?? "") === "") return "no guest kernel: SANDLOT_TEST_KERNEL names none";
  return undefined;
}

export const QEMU_TRAITS: Traits = {
  memory: true,
  ownKernel: true,
  slow: true,
  fewRounds: process.env.SANDLOT_SOAK !== "1",
};

/** What the first harness on this host found out about KVM: a trial on one that hangs takes 8 s, and there are many harnesses. */
const ACCELERATOR_NOTE = join(tmpdir(), "sandlot-test-accelerator.json");

export type QemuHarness = ConformanceHarness & { readonly config: QemuRuntimeConfig };

export async function qemuHarness(letter: string, extra: Partial<QemuRuntimeConfig> = {}): Promise<QemuHarness> {
  const { tag, root, nodeDir } = await makeBareRoot(letter);
  const guestInitPath = join(root, "vm-init");
  await buildQemuRuntime(root);
  await sh(process.execPath, GUEST_INIT, guestInitPath);
  await sh(process.execPath, GUEST_LAYER, root);
  const guestLayerDir = join(root, "guest-layer");
  const baseErofs = process.env.SANDLOT_TEST_BASE_EROFS;
  const { caller, base } = await furnishGuestLayer({ root, guestLayerDir, baseErofs });
  const config: QemuRuntimeConfig = {
    nodeDir,
    tag,
    launcherPath: join(root, "vm-launcher"),
    memoryLibraryPath: join(root, "vm-memory.so"),
    guestLayerDir,
    kernelDir: process.env.SANDLOT_TEST_KERNEL ?? "",
    guestInitPath,
    cacheDir: join(root, "cache"),
    ...extra,
  };
  const group = `sandlot-${tag}-vm`;
  const note = join(config.cacheDir, "accelerator.json");
  await mkdir(config.cacheDir, { recursive: true });
  await copyFile(ACCELERATOR_NOTE, note).catch(() => undefined);
  const host = bareHost({ tag, group, root, nodeDir, caller });
  return {
    config,
    layers: [base],
    open: () => startQemuRuntime(config, { log: silentLogger, clock: systemClock }),
    ...host,
    async close() {
      await copyFile(note, ACCELERATOR_NOTE).catch(() => undefined);
      return await host.close();
    },
    orphan: (machine) => killLauncher(nodeDir, machine),
  };
}
