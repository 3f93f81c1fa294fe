/** Gets the kernel for virtual machines into a place of its own, once per machine. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { markOf, readMark, tryRun, writeMark } from "@sandlot/host";
import { layOutKernel } from "@sandlot/runtime-microvm";
import { ensureAlso } from "../host/packages";
import { writeJson } from "../json-file";
import type { Progress } from "../progress";
import { fetchKernel, type KernelSource } from "./fetch-kernel";
import { type FoundKernel, KERNEL_CACHE, kernelFailureFile, listKernels } from "./find-kernel";

/** What runs virtual machines, and makes their disks. */
export const VM_NEEDS = ["qemu-system-x86", "qemu-utils"] as const;

/**
 * All that an installation with virtual machines needs of its host: QEMU without what Debian recommends beside it, and a kernel.
 * @throws Fault `stack_packages_failed`
 */
export async function ensureVmHost(progress: Progress, signal?: AbortSignal): Promise<FoundKernel | undefined> {
  await ensureAlso(VM_NEEDS, progress, signal);
  return await ensureKernel(progress, signal);
}

/**
 * Costs nothing when there is one, whichever: a newer one is fetched when all are removed. Else some 27 MB and 5 s. Never
 * fails for want of one: the reason is kept for `status` and `doctor`.
 * @throws the signal's reason when aborted
 */
export async function ensureKernel(
  progress: Progress,
  signal?: AbortSignal,
  { cache = KERNEL_CACHE, source = fetchKernel }: { cache?: string; source?: KernelSource } = {},
): Promise<FoundKernel | undefined> {
  const [held] = listKernels(cache);
  if (held !== undefined) return held;
  mkdirSync(cache, { recursive: true });
  clearAbandoned(cache);
  try {
    const kernel = await install({ cache, source, progress, signal });
    progress.say("kernel", `${kernel.version} for virtual machines, in ${kernel.directory}`);
    rmSync(kernelFailureFile(cache), { force: true });
    return kernel;
  } catch (thrown) {
    signal?.throwIfAborted();
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    writeJson(kernelFailureFile(cache), { why, at: new Date().toISOString() });
    progress.say("kernel", `cannot be had, so there are no virtual machines: ${why}`);
    return undefined;
  }
}

async function install(of: {
  cache: string;
  source: KernelSource;
  progress: Progress;
  signal: AbortSignal | undefined;
}): Promise<FoundKernel> {
  const work = join(of.cache, `installing-${process.pid}`);
  const fetched = join(work, "fetched");
  const made = join(work, "made");
  rmSync(work, { recursive: true, force: true });
  for (const path of [work, fetched, made]) mkdirSync(path, { mode: 0o755 });
  try {
    const mine = markOf(process.pid);
    if (mine !== undefined) writeMark(join(work, "installer.json"), mine);
    await of.source({ into: fetched, progress: of.progress, signal: of.signal });
    of.progress.say("kernel", "unpacking");
    const note = await layOutKernel({ root: join(fetched, "root"), into: made });
    // On disk before it gets its name: a crash leaves a whole one or none.
    await tryRun(["sync", "-f", made]);
    const directory = join(of.cache, `${note.version}-${note.sha256.slice(0, 12)}`);
    if (!existsSync(directory)) renameSync(made, directory);
    return { directory, ...note };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** What installers that died left. One that still works is left alone. */
function clearAbandoned(cache: string): void {
  for (const name of readdirSync(cache).filter((entry) => entry.startsWith("installing-"))) {
    const work = join(cache, name);
    if (readMark(join(work, "installer.json")) === undefined) rmSync(work, { recursive: true, force: true });
  }
}
