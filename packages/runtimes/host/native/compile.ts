/** How our C becomes programs, whichever runtime they are of; their `build.ts` call it. */
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";

/** C that launchers share, and `vm-init` in part. */
export const NATIVE = import.meta.dir;
/** What a sandbox is told of itself, whatever it runs in. */
export const SANDBOX = join(NATIVE, "sandbox");

const FLAGS = ["-O2", "-s", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fstack-protector-strong"];
const INCLUDE = [`-I${NATIVE}`, `-I${SANDBOX}`];

/** @param of.flags absent, the program is static: it runs whatever lies around it */
export async function compile(of: {
  sources: readonly string[];
  output: string;
  flags?: readonly string[];
}): Promise<void> {
  const { flags = ["-static"], output, sources } = of;
  const fresh = `${output}.new`; // renamed over the old one, which launchers of live machines are running
  const words = ["gcc", ...FLAGS, ...flags, ...INCLUDE, "-o", fresh, ...sources];
  const child = Bun.spawn(words, { stdout: "inherit", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error(`cannot compile ${output}: are gcc and libc6-dev installed?`);
  await rename(fresh, output);
}

export async function sourcesIn(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => name.endsWith(".c")).map((name) => join(dir, name));
}
