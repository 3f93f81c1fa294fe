/** Brings a real Firecracker to the conformance suite, where there is one. */
import { cp, mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import { bareHost, makeTinyBase, sh } from "@sandlot/runtime-contract/bare-host";
import type { ConformanceHarness } from "@sandlot/runtime-contract/conformance";
import { compileStandIn } from "@sandlot/runtime-contract/stand-in";
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
  const tag = letter + (process.pid % 36 ** 3).toString(36).padStart(3, "0");
  const root = await mkdtemp(join("/var/tmp", `sandlot-${tag}-`));
  const nodeDir = join(root, "node");
  const guestInitPath = join(root, "vm-init");
  await mkdir(nodeDir, { recursive: true });
  await sh(process.execPath, GUEST_INIT, guestInitPath);
  await sh(process.execPath, GUEST_LAYER, root);
  const standIn = join(root, "guest-layer/usr/lib/sandlot/envd");
  await compileStandIn(standIn);
  const caller = join(root, "caller");
  await cp(standIn, caller);
  const given = process.env.SANDLOT_TEST_BASE_EROFS;
  const base = given === undefined ? await makeTinyBase(root) : ({ kind: "erofs", path: given } as const);
  const config: FirecrackerRuntimeConfig = {
    nodeDir,
    tag,
    guestLayerDir: join(root, "guest-layer"),
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
