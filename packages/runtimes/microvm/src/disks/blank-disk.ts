/** Empty writable disks: a file system made once per size, copied for each machine. */
import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { isThere } from "@sandlot/runtime-host";
import { runTool } from "../run-tool";

/** `qcow2` stands on nothing below it. */
export type BlankDiskFormat = "qcow2" | "raw";

/**
 * An ext4 of `sizeMiB`, to be copied and never written to; some 1.5 MB of qcow2, or a sparse file. Costs some 100 ms the
 * first time, for each size. Callers may overlap.
 * @throws Fault `microvm_disk_failed`
 */
export async function ensureBlankDisk(of: {
  cacheDir: string;
  sizeMiB: number;
  format?: BlankDiskFormat;
}): Promise<string> {
  const { cacheDir, sizeMiB, format = "qcow2" } = of;
  const path = join(cacheDir, `blank-${sizeMiB}.${format}`);
  if (await isThere(path)) return path;
  await mkdir(cacheDir, { recursive: true });
  const draft = `${path}.${randomUUID()}`;
  const raw = `${draft}.raw`;
  try {
    await makeFileSystem(raw, sizeMiB);
    if (format === "qcow2") await runTool(["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", raw, draft]);
    else await rename(raw, draft);
    await rename(draft, path); // of two at once the last one stays: they are the same
  } finally {
    await Promise.all([rm(raw, { force: true }), rm(draft, { force: true })]);
  }
  return path;
}

async function makeFileSystem(path: string, sizeMiB: number): Promise<void> {
  const file = await open(path, "wx", 0o644);
  await file.truncate(sizeMiB * 2 ** 20).finally(() => file.close());
  // Tables are initialized when they are used: else every machine would write them, and have them in its first snapshot.
  const lazy = "lazy_itable_init=1,lazy_journal_init=1,nodiscard";
  await runTool(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", lazy, "-J", "size=4", path]);
}
