/** What a harness of the conformance suite needs of a host: bare slots without uplink, places, and a look at what is left. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Answer, ConformanceHarness, Place } from "./conformance/suite";
import type { LayerRef, Machine, MachineSlot } from "./index";
import { compileStandIn } from "./stand-in";
import { makeTinyBase } from "./tiny-base";

export type BareRoot = { readonly tag: string; readonly root: string; readonly nodeDir: string };

/** A harness's own directory and tag. @param letter tells the harnesses of one process apart; other processes on this host may run the same tests now */
export async function makeBareRoot(letter: string): Promise<BareRoot> {
  const tag = letter + (process.pid % 36 ** 3).toString(36).padStart(3, "0");
  // Not in /tmp, which CRIU gets one of its own in place of where it can.
  const root = await mkdtemp(join("/var/tmp", `sandlot-${tag}-`));
  const nodeDir = join(root, "node");
  await mkdir(nodeDir);
  return { tag, root, nodeDir };
}

/**
 * Puts the stand-in for envd into a guest layer, and finds the layer below it.
 * @returns `caller`, the stand-in's copy on the host: a machine may replace what lies in its own layer
 */
export async function furnishGuestLayer(of: {
  root: string;
  guestLayerDir: string;
  /** An image to use; without one, a tiny base of the host's own programs is made. */
  baseErofs: string | undefined;
}): Promise<{ caller: string; base: LayerRef }> {
  const standIn = join(of.guestLayerDir, "usr/lib/sandlot/envd");
  await compileStandIn(standIn);
  const caller = join(of.root, "caller");
  await cp(standIn, caller);
  const base: LayerRef =
    of.baseErofs === undefined ? await makeTinyBase(of.root) : { kind: "erofs", path: of.baseErofs };
  return { caller, base };
}

export async function sh(...cmd: string[]): Promise<string> {
  const child = Bun.spawn(cmd, { stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${cmd.join(" ")}: ${err}`);
  return out;
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

/** What a harness on bare slots is for every runtime. `group` is the name of its cgroups, `caller` the stand-in's copy on the host. */
export function bareHost(of: {
  tag: string;
  group: string;
  root: string;
  nodeDir: string;
  caller: string;
}): Pick<ConformanceHarness, "lease" | "run" | "place" | "residue" | "close"> {
  const { tag, group, root, nodeDir, caller } = of;
  let slots = 0;
  return {
    async lease() {
      slots += 1;
      return leaseBareSlot(tag, slots);
    },
    run: (slot, script) => runInMachine(caller, slot, script),
    place: (wanted) => makePlace(root, wanted?.roomBytes),
    residue: () => residueOf({ group, nodeDir, part: "/machines/" }),
    async close() {
      const left = await residueOf({ group, nodeDir, part: "" });
      await rm(root, { recursive: true, force: true });
      return left;
    },
  };
}

export async function killLauncher(nodeDir: string, machine: Machine): Promise<void> {
  const text = await readFile(join(nodeDir, "machines", machine.machineId, "launcher.pid"), "utf8");
  process.kill(Number(text.split(" ")[0]), "SIGKILL");
  await Bun.sleep(20);
}

/** Directories of all hierarchies whose path is like the pattern. */
export async function cgroupsLike(pattern: string): Promise<string[]> {
  // Those of other tests may go while it looks, which it takes for an error.
  const script = 'find /sys/fs/cgroup -maxdepth 3 -type d -path "$1" 2>/dev/null || true';
  const lines = await sh("sh", "-c", script, "sh", pattern);
  return lines.split("\n").filter((path) => path !== "");
}

/** Lines of what exists under the node directory's `part` and the tag. */
async function residueOf(of: { group: string; nodeDir: string; part: string }): Promise<string[]> {
  const { group, nodeDir, part } = of;
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
  for (const path of await cgroupsLike(`*/${group}${part === "" ? "" : "/*"}`))
    if (!/\/_\w+$/.test(path)) found.push(`cgroup ${path}`);
  for (const dir of ["machines", "ids"])
    for (const name of await readdir(join(nodeDir, dir)).catch(() => [])) found.push(`${dir}/${name}`);
  return found;
}
