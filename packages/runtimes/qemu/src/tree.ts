/** What QEMU sees of the host: a directory with itself, its libraries and its ROMs, copied once, the root of every jail. */
import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isThere } from "@sandlot/runtime-host";
import { LIBRARY_IN_TREE, QEMU_IN_TREE, ROMS_IN_TREE } from "./command-line";
import { qemuFaults } from "./faults";

/** What boots a guest: firmware, and the small programs that load a kernel given by file. */
const ROMS = ["bios-microvm.bin", "linuxboot_dma.bin", "pvh.bin", "kvmvapic.bin"];
const ROM_DIRS = ["/usr/share/qemu", "/usr/share/seabios", "/usr/local/share/qemu"];
/** Where Debian keeps parts that QEMU loads by itself. */
const MODULE_DIRS = ["/usr/lib/x86_64-linux-gnu/qemu", "/usr/lib/qemu"];
const MODULES = ["accel-tcg-x86_64.so"];

type Entry = { readonly from: string; readonly to: string };

export type QemuTree = { readonly path: string; readonly version: string };

/**
 * The tree of this QEMU, made if it is not there yet; one of another QEMU stays for the machines that run in it.
 * @throws Fault `qemu_no_program`
 */
export async function ensureTree(of: { dir: string; qemuPath: string; libraryPath: string }): Promise<QemuTree> {
  const version = /version (\S+)/.exec(await outputOf([of.qemuPath, "--version"]))?.[1] ?? "unknown";
  const entries = await entriesFor(of);
  const digest = createHash("sha256");
  for (const { from, to } of entries) {
    const about = await stat(from);
    digest.update(`${from}\n${to}\n${about.size}\n${about.mtimeMs}\n`);
  }
  const path = join(of.dir, digest.digest("hex").slice(0, 16));
  if (!(await isThere(path))) await build(path, entries);
  return { path, version };
}

/** Removes trees that no machine runs in. */
export async function trimTrees(dir: string, used: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(dir)) {
    const path = join(dir, name);
    if (!used.has(path)) await rm(path, { recursive: true, force: true });
  }
}

async function build(path: string, entries: readonly Entry[]): Promise<void> {
  const draft = `${path}.${process.pid}.new`;
  await rm(draft, { recursive: true, force: true });
  // Places that the launcher mounts on.
  for (const name of ["dev", "m"]) await mkdir(join(draft, name), { recursive: true, mode: 0o755 });
  for (const { from, to } of entries) {
    await mkdir(dirname(join(draft, to)), { recursive: true, mode: 0o755 });
    await copyFile(from, join(draft, to));
  }
  await rename(draft, path).catch(async (thrown) => {
    await rm(draft, { recursive: true, force: true });
    if (!(await isThere(path))) throw thrown; // else another process was faster
  });
}

async function entriesFor(of: { qemuPath: string; libraryPath: string }): Promise<Entry[]> {
  const modules = await found(MODULE_DIRS, MODULES);
  const roms = await found(ROM_DIRS, ROMS);
  const missing = ["bios-microvm.bin", "pvh.bin"].filter((name) => !roms.some((path) => basename(path) === name));
  if (missing.length > 0)
    throw qemuFaults.no_program({
      path: of.qemuPath,
      reason: `its ${missing.join(", ")} is nowhere: install seabios and qemu-system-data`,
    });
  const libraries = new Set<string>();
  for (const program of [of.qemuPath, ...modules])
    for (const library of await librariesOf(program)) libraries.add(library);
  const entries: Entry[] = [
    { from: of.qemuPath, to: QEMU_IN_TREE },
    { from: of.libraryPath, to: LIBRARY_IN_TREE },
    ...modules.map((path) => ({ from: path, to: path })),
    ...roms.map((path) => ({ from: path, to: join(ROMS_IN_TREE, basename(path)) })),
    ...[...libraries].map((path) => ({ from: path, to: path })),
  ];
  return Promise.all(entries.map(async ({ from, to }) => ({ from: await realpath(from), to })));
}

async function found(dirs: readonly string[], names: readonly string[]): Promise<string[]> {
  const paths: string[] = [];
  for (const name of names)
    for (const dir of dirs) {
      const path = join(dir, name);
      if (!(await isThere(path))) continue;
      paths.push(path);
      break;
    }
  return paths;
}

/** By the dynamic linker itself, which is among them. */
async function librariesOf(program: string): Promise<string[]> {
  const text = await outputOf(["/usr/bin/ldd", program]);
  return parseLinked(text);
}

/** Pure. Absolute paths out of what `ldd` prints. */
export function parseLinked(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    const path = /(?:=>\s+)?(\/\S+)\s+\(0x[0-9a-f]+\)/.exec(line)?.[1];
    return path === undefined ? [] : [path];
  });
}

async function outputOf(cmd: readonly string[]): Promise<string> {
  try {
    const child = Bun.spawn([...cmd], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [text, errors, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (exitCode !== 0) throw new Error(errors.trim());
    return text;
  } catch (thrown) {
    throw qemuFaults.no_program({
      path: cmd.at(-1) ?? "",
      reason: thrown instanceof Error ? thrown.message : String(thrown),
    });
  }
}
