/** Compiles the guests' first program into `dist/vm-init`. Static: nothing lies around it when it starts. */
import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";

const here = import.meta.dir;
const dist = join(here, "../../../dist");
/** C that launchers on the host share. */
const NATIVE = join(here, "../host/native");
/** A sandbox is told its name, and rid of its connections, by the same code whatever it runs in. */
const SANDBOX = join(NATIVE, "sandbox");

export async function buildGuestInit(output: string): Promise<void> {
  const own = (await readdir(join(here, "guest"))).filter((name) => name.endsWith(".c"));
  const sources = [
    ...own.map((name) => join(here, "guest", name)),
    ...["base.c", "netlink.c"].map((name) => join(NATIVE, name)),
    ...["connections.c", "identity.c"].map((name) => join(SANDBOX, name)),
  ];
  const flags = ["-static", "-O2", "-s", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fstack-protector-strong"];
  const fresh = `${output}.new`;
  const child = Bun.spawn(["gcc", ...flags, `-I${NATIVE}`, `-I${SANDBOX}`, "-o", fresh, ...sources], {
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await child.exited) !== 0) throw new Error(`cannot compile ${output}: are gcc and libc6-dev installed?`);
  await rename(fresh, output);
}

if (import.meta.main) {
  await mkdir(dist, { recursive: true });
  await buildGuestInit(process.argv[2] ?? join(dist, "vm-init"));
}
