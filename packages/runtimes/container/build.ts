/** Compiles the host-side launcher and the guest's init into `dist/`. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { compile, NATIVE, SANDBOX, sourcesIn } from "@sandlot/runtime-host/native";

const here = import.meta.dir;
const dist = join(here, "../../../dist");

export async function buildContainerRuntime(to: string): Promise<void> {
  const guest = join(to, "guest-layer/usr/lib/sandlot");
  await mkdir(guest, { recursive: true, mode: 0o755 });
  const launcher = await Promise.all([join(here, "launcher"), NATIVE, SANDBOX].map(sourcesIn));
  await Promise.all([
    compile({ sources: launcher.flat(), output: join(to, "launcher") }),
    compile({ sources: await sourcesIn(join(here, "guest")), output: join(guest, "init") }),
  ]);
}

if (import.meta.main) await buildContainerRuntime(process.argv[2] ?? dist);
