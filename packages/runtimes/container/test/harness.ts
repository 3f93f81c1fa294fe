/** Brings a real container runtime to the conformance suite: own node directory, own tag, bare slots without uplink. */
import { cp, mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import { bareHost, killLauncher, makeTinyBase } from "@sandlot/runtime-contract/bare-host";
import type { ConformanceHarness } from "@sandlot/runtime-contract/conformance";
import { compileStandIn } from "@sandlot/runtime-contract/stand-in";
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

/** @param letter tells the harnesses of one process apart; other processes on this host may run the same tests now */
export async function containerHarness(
  letter: string,
  extra: Partial<ContainerRuntimeConfig> = {},
): Promise<ContainerHarness> {
  const tag = letter + (process.pid % 36 ** 3).toString(36).padStart(3, "0");
  // Not in /tmp, which CRIU gets one of its own in place of where it can.
  const root = await mkdtemp(join("/var/tmp", `sandlot-${tag}-`));
  const nodeDir = join(root, "node");
  await buildContainerRuntime(root);
  const standIn = join(root, "guest-layer/usr/lib/sandlot/envd");
  await compileStandIn(standIn);
  // A machine may replace what lies in its own layer; the host's copy must not be the one it sees.
  const caller = join(root, "caller");
  await cp(standIn, caller);
  const given = process.env.SANDLOT_TEST_BASE_EROFS;
  const base = given === undefined ? await makeTinyBase(root) : ({ kind: "erofs", path: given } as const);
  const criuPath = testCriu();
  const config: ContainerRuntimeConfig = {
    nodeDir,
    tag,
    launcherPath: join(root, "launcher"),
    guestLayerDir: join(root, "guest-layer"),
    upperPoolSize: 2,
    ...(criuPath === undefined ? {} : { criuPath }),
    ...extra,
  };
  const group = `sandlot-${tag}`;
  await mkdir(nodeDir, { recursive: true });
  return {
    config,
    layers: [base],
    open: () => startContainerRuntime(config, { log: silentLogger, clock: systemClock }),
    ...bareHost({ tag, group, root, nodeDir, caller }),
    orphan: (machine) => killLauncher(nodeDir, machine),
  };
}
