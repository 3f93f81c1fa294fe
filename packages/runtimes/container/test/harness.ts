/** Brings a real container runtime to the conformance suite: own node directory, own tag, bare slots without uplink. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import type { Machine, MachineSlot } from "@sandlot/runtime-contract";
import type { Answer, ConformanceHarness, Place } from "@sandlot/runtime-contract/conformance";
import { compileStandIn } from "@sandlot/runtime-contract/stand-in";
import { silentLogger } from "@sandlot/telemetry";
import { buildContainerRuntime } from "../build";
import { type ContainerRuntimeConfig, startContainerRuntime } from "../src/index";
import { makeTinyBase } from "./tiny-base";

async function sh(...cmd: string[]): Promise<string> {
  const child = Bun.spawn(cmd, { stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${cmd.join(" ")}: ${err}`);
  return out;
}

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
  let slots = 0;
  await mkdir(nodeDir, { recursive: true });
  return {
    config,
    layers: [base],
    open: () => startContainerRuntime(config, { log: silentLogger, clock: systemClock }),
    async lease() {
      slots += 1;
      return leaseBareSlot(tag, slots);
    },
    run: (slot, script) => runInMachine(caller, slot, script),
    place: (of) => makePlace(root, of?.roomBytes),
    orphan: (machine) => killLauncher(nodeDir, machine),
    residue: () => residueOf(tag, nodeDir, "/machines/"),
    async close() {
      const left = await residueOf(tag, nodeDir, "");
      await rm(root, { recursive: true, force: true });
      return left;
    },
  };
}

async function leaseBareSlot(tag: string, index: number): Promise<MachineSlot & AsyncDisposable> {
  const name = `sandlot-${tag}-${index}`;
  await sh("ip", "netns", "add", name);
  return {
    netnsPath: `/run/netns/${name}`,
    address: `10.99.0.${index}`,
    guestCidr: "169.254.0.21/30",
    guestGateway: "169.254.0.22",
    hostLink: "guest0",
    mtu: 1400,
    async [Symbol.asyncDispose]() {
      if (!(await Bun.file(`/run/netns/${name}`).exists())) return;
      const links = await sh("ip", "-n", name, "-o", "link");
      await sh("ip", "netns", "del", name);
      if (links.includes("guest0")) throw new Error(`slot ${name} still held a machine's link`);
    },
  };
}

/** @param roomBytes mounts a disk of that size */
async function makePlace(root: string, roomBytes?: number): Promise<Place> {
  const path = await mkdtemp(join(root, "place-"));
  if (roomBytes !== undefined) await sh("mount", "-t", "tmpfs", "-o", `size=${roomBytes},mode=0755`, "place", path);
  return {
    path,
    async [Symbol.asyncDispose]() {
      if (roomBytes !== undefined) await sh("umount", path);
      await rm(path, { recursive: true, force: true });
    },
  };
}

async function runInMachine(caller: string, slot: MachineSlot, script: string): Promise<Answer> {
  const address = slot.guestCidr.split("/")[0] ?? "";
  const child = Bun.spawn(["nsenter", `--net=${slot.netnsPath}`, caller, "call", address], {
    stdin: new Blob([script]),
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`no answer from ${slot.address}`);
  const cut = text.lastIndexOf("\n");
  return { exitCode: Number(text.slice(cut + 1)), output: text.slice(0, cut) };
}

async function killLauncher(nodeDir: string, machine: Machine): Promise<void> {
  const text = await readFile(join(nodeDir, "machines", machine.machineId, "launcher.pid"), "utf8");
  process.kill(Number(text.split(" ")[0]), "SIGKILL");
  await Bun.sleep(20);
}

/** Lines of what exists under the node directory's `part` and the tag. */
async function residueOf(tag: string, nodeDir: string, part: string): Promise<string[]> {
  const found: string[] = [];
  const mounts = await readFile("/proc/self/mounts", "utf8");
  for (const line of mounts.split("\n")) if (line.includes(`${nodeDir}${part}`)) found.push(`mount ${line}`);
  for (const name of await readdir("/sys/block")) {
    const backing = await readFile(`/sys/block/${name}/loop/backing_file`, "utf8").catch(() => "");
    if (backing.startsWith(`${nodeDir}${part}`)) found.push(`${name} ${backing.trim()}`);
  }
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (words.includes(`${nodeDir}/machines/`)) found.push(`process ${pid} ${words.replaceAll("\0", " ")}`);
  }
  const groups = await sh(
    "find",
    "/sys/fs/cgroup",
    "-maxdepth",
    "3",
    "-type",
    "d",
    "-path",
    `*/sandlot-${tag}${part === "" ? "" : "/*"}`,
  );
  for (const path of groups.split("\n")) if (path !== "" && !/\/_\w+$/.test(path)) found.push(`cgroup ${path}`);
  for (const dir of ["machines", "ids"])
    for (const name of await readdir(join(nodeDir, dir)).catch(() => [])) found.push(`${dir}/${name}`);
  return found;
}
