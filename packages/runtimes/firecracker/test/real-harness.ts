/** Brings a real Firecracker to the conformance suite, where there is one. */
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import { bareHost, furnishGuestLayer, makeBareRoot, sh } from "@sandlot/runtime-contract/bare-host";
import type { ConformanceHarness } from "@sandlot/runtime-contract/conformance";
import { silentLogger } from "@sandlot/telemetry";
import { type FirecrackerRuntimeConfig, loadVersionsFile, startFirecrackerRuntime } from "../src/index";

/** Recipes of what lies in other packages; run as the build runs them. */
const GUEST_INIT = join(import.meta.dir, "../../microvm/build.ts");
const GUEST_LAYER = join(import.meta.dir, "../../container/build.ts");
const PROBE_MS = 20_000;

/** Shown by a guest that boots; undefined when one does. */
export async function whyNoRealMachines(): Promise<string | undefined> {
  if ((process.env.SANDLOT_TEST_FIRECRACKER ?? "") === "")
    return "no binary: SANDLOT_TEST_FIRECRACKER names no versions file";
  if ((process.env.SANDLOT_TEST_KERNEL ?? "") === "") return "no guest kernel: SANDLOT_TEST_KERNEL names none";
  if (process.getuid?.() !== 0) return "not root";
  const harness = await realHarness("p");
  try {
    await using runtime = await harness.open();
    const { problems, usable } = await runtime.probe(AbortSignal.timeout(PROBE_MS));
    return usable ? undefined : problems.join("; ");
  } catch (thrown) {
    return (thrown as Error).message;
  } finally {
    await harness.close();
  }
}

export async function realHarness(letter: string): Promise<ConformanceHarness> {
  const { tag, root, nodeDir } = await makeBareRoot(letter);
  const guestInitPath = join(root, "vm-init");
  await sh(process.execPath, GUEST_INIT, guestInitPath);
  await sh(process.execPath, GUEST_LAYER, root);
  const guestLayerDir = join(root, "guest-layer");
  const baseErofs = process.env.SANDLOT_TEST_BASE_EROFS;
  const { caller, base } = await furnishGuestLayer({ root, guestLayerDir, baseErofs });
  const config: FirecrackerRuntimeConfig = {
    nodeDir,
    tag,
    guestLayerDir,
    kernelDir: process.env.SANDLOT_TEST_KERNEL ?? "",
    guestInitPath,
    ...(await loadVersionsFile(process.env.SANDLOT_TEST_FIRECRACKER ?? "")),
  };
  const group = `sandlot-${tag}-fc`;
  return {
    layers: [base],
    open: () => startFirecrackerRuntime(config, { log: silentLogger, clock: systemClock }),
    ...bareHost({ tag, group, root, nodeDir, caller }),
  };
}
