/** Compiles the host-side launcher and the guest's init into `dist/`. Static, so that they run whatever lies around them. */
import { mkdir, readdir, rename } from "node:fs/promises";
import { join, resolve } from "node:path";

const here = import.meta.dir;
/** C that all launchers share. */
const NATIVE = join(here, "../host/native");
/** What a sandbox is told of itself, whatever it runs in. */
const SANDBOX = join(NATIVE, "sandbox");
const dist = join(here, "../../../dist");

async function compile(of: { sources: readonly string[]; output: string }): Promise<void> {
  const flags = ["-static", "-O2", "-s", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fstack-protector-strong"];
  const include = [`-I${NATIVE}`, `-I${SANDBOX}`];
  const fresh = `${of.output}.new`; // renamed over the old one, which launchers of live machines are running
  const child = Bun.spawn(["gcc", ...flags, ...include, "-o", fresh, ...of.sources], {
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await child.exited) !== 0) throw new Error(`cannot compile ${of.output}: are gcc and libc6-dev installed?`);
  await rename(fresh, of.output);
}

async function sourcesIn(dir: string): Promise<string[]> {
  const names = await readdir(resolve(here, dir));
  return names.filter((name) => name.endsWith(".c")).map((name) => resolve(here, dir, name));
}

export async function buildContainerRuntime(to: string): Promise<void> {
  const guest = join(to, "guest-layer/usr/lib/sandlot");
  await mkdir(guest, { recursive: true, mode: 0o755 });
  await Promise.all([
    compile({
      sources: [...(await sourcesIn("launcher")), ...(await sourcesIn(NATIVE)), ...(await sourcesIn(SANDBOX))],
      output: join(to, "launcher"),
    }),
    compile({ sources: await sourcesIn("guest"), output: join(guest, "init") }),
  ]);
}

if (import.meta.main) await buildContainerRuntime(process.argv[2] ?? dist);
