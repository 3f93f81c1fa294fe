/** Compiles the launcher of VMMs, static, and the small library that QEMU is started with, into `dist/`. */
import { mkdir, readdir, rename } from "node:fs/promises";
import { join, resolve } from "node:path";

const here = import.meta.dir;
/** C that all launchers share. */
const NATIVE = join(here, "../host/native");
const dist = join(here, "../../../dist");
const WARNINGS = ["-O2", "-s", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fstack-protector-strong"];

async function compile(of: { flags: readonly string[]; sources: readonly string[]; output: string }): Promise<void> {
  const fresh = `${of.output}.new`; // renamed over the old one, which launchers of live machines are running
  const words = ["gcc", ...WARNINGS, ...of.flags, "-o", fresh, ...of.sources];
  const child = Bun.spawn(words, { stdout: "inherit", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error(`cannot compile ${of.output}: are gcc and libc6-dev installed?`);
  await rename(fresh, of.output);
}

async function sourcesIn(dir: string): Promise<string[]> {
  const names = await readdir(resolve(here, dir));
  return names.filter((name) => name.endsWith(".c")).map((name) => resolve(here, dir, name));
}

export async function buildQemuRuntime(to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o755 });
  const sources = [...(await sourcesIn("launcher")), ...(await sourcesIn(NATIVE))];
  const lent = await sourcesIn("preload");
  await Promise.all([
    compile({ flags: ["-static", `-I${NATIVE}`], sources, output: join(to, "vm-launcher") }),
    compile({ flags: ["-shared", "-fPIC"], sources: lent, output: join(to, "vm-memory.so") }),
  ]);
}

if (import.meta.main) await buildQemuRuntime(process.argv[2] ?? dist);
