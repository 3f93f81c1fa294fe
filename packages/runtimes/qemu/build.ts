/** Compiles the launcher of VMMs, and the small library that QEMU is started with, into `dist/`. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { compile, NATIVE, sourcesIn } from "@sandlot/runtime-host/native";

const here = import.meta.dir;
const dist = join(here, "../../../dist");

export async function buildQemuRuntime(to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o755 });
  const launcher = await Promise.all([join(here, "launcher"), NATIVE].map(sourcesIn));
  const lent = await sourcesIn(join(here, "preload"));
  await Promise.all([
    compile({ sources: launcher.flat(), output: join(to, "vm-launcher") }),
    compile({ flags: ["-shared", "-fPIC"], sources: lent, output: join(to, "vm-memory.so") }),
  ]);
}

if (import.meta.main) await buildQemuRuntime(process.argv[2] ?? dist);
