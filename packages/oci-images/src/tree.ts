/** What every machine needs of its root, put into an image's tree: device nodes, mount points, names of its own. */
import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { imageFaults } from "./faults";
import type { Family } from "./types";

/** name, major, minor */
const NODES: readonly [string, number, number][] = [
  ["null", 1, 3],
  ["zero", 1, 5],
  ["full", 1, 7],
  ["random", 1, 8],
  ["urandom", 1, 9],
  ["tty", 5, 0],
];
const DIRECTORIES: readonly [string, number][] = [
  ["dev", 0o755],
  ["dev/pts", 0o755],
  ["dev/shm", 0o1777],
  ["proc", 0o555],
  ["sys", 0o555],
  ["etc", 0o755],
  ["mnt", 0o755],
  ["root", 0o700],
  ["run", 0o755],
  ["tmp", 0o1777],
  ["home", 0o755],
];
/** The resolver that guests have; the node answers there. */
const RESOLVER = "nameserver 169.254.0.22\n";

/**
 * Nobody else touches the tree meanwhile: what is seen to be no link is none. Links in the way are taken away, never followed.
 * @throws Fault `image_unpack_failed`
 */
export async function prepareTree(root: string): Promise<void> {
  for (const [path, mode] of DIRECTORIES) ensureDirectory(join(root, path), mode);
  for (const [name, major, minor] of NODES) {
    const path = join(root, "dev", name);
    rmSync(path, { recursive: true, force: true });
    const made = Bun.spawnSync(["mknod", "-m", "666", path, "c", String(major), String(minor)]);
    if (made.exitCode !== 0) throw imageFaults.unpack_failed({ step: "mknod", output: made.stderr.toString() });
  }
  const links = [
    ["ptmx", "pts/ptmx"],
    ["fd", "/proc/self/fd"],
    ["stdin", "/proc/self/fd/0"],
    ["stdout", "/proc/self/fd/1"],
    ["stderr", "/proc/self/fd/2"],
  ] as const;
  rmSync(join(root, "dev/console"), { recursive: true, force: true });
  for (const [name, target] of links) {
    rmSync(join(root, "dev", name), { recursive: true, force: true });
    symlinkSync(target, join(root, "dev", name));
  }
  replaceFile(join(root, "etc/resolv.conf"), RESOLVER);
  replaceFile(join(root, "etc/hostname"), "sandbox\n");
  replaceFile(join(root, "etc/hosts"), "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
  replaceFile(join(root, "etc/machine-id"), "");
}

function ensureDirectory(path: string, mode: number): void {
  const seen = lstatSync(path, { throwIfNoEntry: false });
  if (seen?.isDirectory() === true) return;
  if (seen !== undefined) rmSync(path, { force: true });
  mkdirSync(path);
  chmodSync(path, mode);
  lchownSync(path, 0, 0);
}

function replaceFile(path: string, text: string): void {
  rmSync(path, { recursive: true, force: true });
  writeFileSync(path, text, { mode: 0o644, flag: "wx" });
}

const FAMILIES: Readonly<Record<string, Family>> = {
  debian: "debian",
  ubuntu: "debian",
  fedora: "fedora",
  rhel: "fedora",
  centos: "fedora",
  rocky: "fedora",
  almalinux: "fedora",
  arch: "arch",
  archarm: "arch",
  alpine: "alpine",
  nixos: "nixos",
};

/** Upstream's list, and what calls itself like one of it. @throws Fault `image_unsupported_family` */
export function familyOf(osRelease: string): { family: Family; distribution: string } {
  const field = (name: string): string =>
    new RegExp(`^${name}=["']?([^"'\\n]*)`, "m").exec(osRelease)?.[1]?.trim().toLowerCase() ?? "";
  const id = field("ID");
  const family = FAMILIES[id] ?? debianLike(field("ID_LIKE"));
  if (family === undefined) throw imageFaults.unsupported_family({ id });
  return { family, distribution: id };
}

/** Children of Debian are many and alike; those of Red Hat are not (upstream refuses `ol`). */
function debianLike(idLike: string): Family | undefined {
  return idLike.split(/\s+/).some((id) => id === "debian" || id === "ubuntu") ? "debian" : undefined;
}

/** Empty when the image has none. Links are resolved inside the tree, one step, which is what distributions have. */
export function readOsRelease(root: string): string {
  for (const path of ["etc/os-release", "usr/lib/os-release"]) {
    const whole = join(root, path);
    const seen = lstatSync(whole, { throwIfNoEntry: false });
    if (seen?.isFile() === true && seen.size < 65_536) return readFileSync(whole, "utf8");
    if (seen?.isSymbolicLink() === true && readlinkSync(whole).endsWith("usr/lib/os-release")) continue;
  }
  return "";
}
