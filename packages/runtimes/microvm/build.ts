/** Compiles the guests' first program into `dist/vm-init`. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { compile, NATIVE, SANDBOX, sourcesIn } from "@sandlot/runtime-host/native";

const here = import.meta.dir;
const dist = join(here, "../../../dist");

export async function buildGuestInit(output: string): Promise<void> {
  // A sandbox is told its name, and rid of its connections, by the same code whatever it runs in.
  const lent = ["base.c", "netlink.c"].map((name) => join(NATIVE, name));
  const sandbox = ["connections.c", "identity.c"].map((name) => join(SANDBOX, name));
  await compile({ sources: [...(await sourcesIn(join(here, "guest"))), ...lent, ...sandbox], output });
}

if (import.meta.main) {
  await mkdir(dist, { recursive: true });
  await buildGuestInit(process.argv[2] ?? join(dist, "vm-init"));
}
