/** Brings a real container runtime to the conformance suite: own node directory, own tag, bare slots without uplink. */
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import { bareHost, furnishGuestLayer, killLauncher, makeBareRoot } from "@sandlot/runtime-contract/bare-host";
import type { ConformanceHarness } from "@sandlot/runtime-contract/conformance";
import { silentLogger } from "@sandlot/telemetry";
import { buildContainerRuntime } from "../build";
import { type ContainerRuntimeConfig, startContainerRuntime } from "../src/index";

export function canRunMachines(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  for (const tool of ["gcc", "ip", "nsenter", "mkfs.ext4"])
    if (Bun.which(tool, { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" }) === null) return `no ${tool}`;
  return undefined;
}

/** Where the tests' CRIU is; without one, what needs it counts as skipped. */
export function testCriu(): string | undefined {
  const path = process.env.SANDLOT_TEST_CRIU;
  return path === undefined || path === "" ? undefined : path;
}

export type ContainerHarness = ConformanceHarness & { readonly config: ContainerRuntimeConfig };

export async function containerHarness(
  letter: string,
  extra: Partial<ContainerRuntimeConfig> = {},
): Promise<ContainerHarness> {
  const { tag, root, nodeDir } = await makeBareRoot(letter);
  await buildContainerRuntime(root);
  const guestLayerDir = join(root, "guest-layer");
  const baseErofs = process.env.SANDLOT_TEST_BASE_EROFS;
  const { caller, base } = await furnishGuestLayer({ root, guestLayerDir, baseErofs });
  const criuPath = testCriu();
  const config: ContainerRuntimeConfig = {
    nodeDir,
    tag,
    launcherPath: join(root, "launcher"),
    guestLayerDir,
    upperPoolSize: 2,
    ...(criuPath === undefined ? {} : { criuPath }),
    ...extra,
  };
  const group = `sandlot-${tag}`;
  return {
    config,
    layers: [base],
    open: () => startContainerRuntime(config, { log: silentLogger, clock: systemClock }),
    ...bareHost({ tag, group, root, nodeDir, caller }),
    orphan: (machine) => killLauncher(nodeDir, machine),
  };
}
