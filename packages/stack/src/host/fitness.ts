/** Whether this host can run sandboxes at all, and in one line what is missing when it cannot. */
import { existsSync, readFileSync } from "node:fs";
import { arch, release } from "node:os";
import { tryRun } from "@sandlot/host";
import { stackFaults } from "../faults";

/** What is looked at; handed in, so that tests can describe a host that is not theirs. */
export type HostFacts = {
  readonly uid: number;
  readonly arch: string;
  readonly kernel: string;
  readonly osRelease: string;
  readonly filesystems: string;
  readonly hasUserNamespaces: boolean;
  readonly hasLoopControl: boolean;
};

export function readHostFacts(): HostFacts {
  return {
    uid: process.getuid?.() ?? -1,
    arch: arch(),
    kernel: release(),
    osRelease: readText("/etc/os-release"),
    filesystems: readText("/proc/filesystems"),
    hasUserNamespaces:
      existsSync("/proc/self/ns/user") && readText("/proc/sys/user/max_user_namespaces").trim() !== "0",
    hasLoopControl: existsSync("/dev/loop-control"),
  };
}

/** Idmapped overlay layers came with 5.19. */
export const KERNEL_FLOOR = [5, 19] as const;

/** Pure. The first thing that is wrong, in one line; undefined when all is well. */
export function findProblem(host: HostFacts): string | undefined {
  if (host.uid !== 0) return "sandlot must run as root: it makes namespaces, mounts and firewall rules";
  if (host.arch !== "x64" && host.arch !== "arm64") return `sandlot runs on x64 and arm64, and this is ${host.arch}`;
  if (!isDebianKin(host.osRelease)) {
    return `sandlot installs its packages with apt and needs Debian or Ubuntu, and this is ${nameOf(host.osRelease)}`;
  }
  const [major = 0, minor = 0] = host.kernel.split(/[.-]/).map(Number);
  if (major < KERNEL_FLOOR[0] || (major === KERNEL_FLOOR[0] && minor < KERNEL_FLOOR[1])) {
    return `sandlot needs Linux ${KERNEL_FLOOR.join(".")} or newer (idmapped overlay mounts), and this is ${host.kernel}`;
  }
  if (!host.hasUserNamespaces)
    return "this kernel has no user namespaces (user.max_user_namespaces is 0 or CONFIG_USER_NS is off)";
  if (!host.hasLoopControl) return "this host has no loop devices (/dev/loop-control is missing; try: modprobe loop)";
  for (const name of ["overlay", "erofs"]) {
    if (!hasFilesystem(host.filesystems, name)) return `this kernel has no ${name} filesystem (try: modprobe ${name})`;
  }
  return undefined;
}

export function isDebianKin(osRelease: string): boolean {
  const ids = [...osRelease.matchAll(/^(?:ID|ID_LIKE)=(.*)$/gm)].flatMap(([, value]) =>
    (value ?? "").replaceAll('"', "").split(" "),
  );
  return ids.includes("debian") || ids.includes("ubuntu");
}

export function nameOf(osRelease: string): string {
  return /^PRETTY_NAME="?(.*?)"?$/m.exec(osRelease)?.[1] ?? "an unknown distribution";
}

function hasFilesystem(list: string, name: string): boolean {
  return list.split("\n").some((line) => line.split("\t").at(-1) === name);
}

/**
 * Looks, and loads what may only be an unloaded module.
 * @throws Fault `stack_host_unfit` with the one line
 */
export async function requireFitHost(): Promise<HostFacts> {
  let host = readHostFacts();
  if (host.uid === 0) {
    for (const name of ["overlay", "erofs", "loop"]) {
      const isThere = name === "loop" ? host.hasLoopControl : hasFilesystem(host.filesystems, name);
      if (!isThere) await tryRun(["modprobe", name]);
    }
    host = readHostFacts();
  }
  const problem = findProblem(host);
  if (problem !== undefined) throw stackFaults.host_unfit({ problem });
  return host;
}

/** @throws Fault `stack_host_unfit` */
export async function requireFitNetwork(): Promise<void> {
  const problem = await findNetworkProblem();
  if (problem !== undefined) throw stackFaults.host_unfit({ problem });
}

/** A veth pair and a NAT rule, made in a namespace that is gone at once. @returns what the kernel lacks, if anything */
export async function findNetworkProblem(): Promise<string | undefined> {
  const veth = await tryRun(["unshare", "-n", "ip", "link", "add", "sl0", "type", "veth", "peer", "name", "sl1"]);
  if (veth.exitCode !== 0) return `this kernel makes no veth links: ${veth.stderr.trim()}`;
  const rules = "table inet t { chain c { type nat hook postrouting priority 100; masquerade; }; }";
  const nft = await tryRun(["unshare", "-n", "nft", rules]);
  return nft.exitCode === 0 ? undefined : `this kernel has no nftables NAT: ${nft.stderr.trim().split("\n")[0]}`;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
