/**
 * A machine's writable disk: a raw ext4. Sealed, it is a file of the pages that differ from the disk it was started with; the
 * lowest of such a chain differs from zeros, so it holds the file system itself and is good on any host.
 */
import { closeSync, openSync } from "node:fs";
import { stat } from "node:fs/promises";
import { applyDiff, DiffFile, ensureBlankDisk, openPages, type WrittenDiff, writeDiff } from "@sandlot/runtime-microvm";
import { type FileCache, nameOfFiles, type TakenFile } from "./file-cache";
import { changedRuns, FileTarget } from "./file-pages";

/**
 * What a machine's disk is copied from and later compared with. A disk keeps the size it was first made with.
 * @param of.diffs newest first
 * @throws Fault `microvm_diff_unreadable`
 */
export async function takeDiskBase(of: {
  cache: FileCache;
  /** Where disks nobody has written to lie, one per size. */
  blankDir: string;
  diffs: readonly string[];
  diskMiB: number;
  signal: AbortSignal;
}): Promise<TakenFile> {
  const { cache, diffs, diskMiB, signal } = of;
  const newest = diffs[0];
  if (newest === undefined) {
    const path = await ensureBlankDisk({ cacheDir: of.blankDir, sizeMiB: diskMiB, format: "raw" });
    return { path, [Symbol.dispose]: () => undefined };
  }
  return cache.take(await nameOfFiles("disk", diffs), async (draft) => {
    const totalBytes = sizeOfDisk(newest);
    for (const [at, path] of diffs.toReversed().entries()) {
      using target = new FileTarget({ path: draft, totalBytes, isFresh: at === 0 });
      await applyDiff({ path, target, totalBytes }, signal);
    }
  });
}

function sizeOfDisk(diffPath: string): number {
  using diff = new DiffFile(diffPath);
  return diff.index.totalBytes;
}

/** Writes what `disk` has that `below` has not; below nothing, all there is. Neither synced nor hashed. */
export async function writeDiskDiff(
  of: { disk: string; below: string | undefined; to: string },
  signal: AbortSignal,
): Promise<WrittenDiff> {
  const totalBytes = (await stat(of.disk)).size;
  const file = openSync(of.disk, "r");
  const below = of.below === undefined ? undefined : openSync(of.below, "r");
  try {
    const runs = await changedRuns({ file, below, totalBytes }, signal);
    using source = openPages(of.disk);
    return await writeDiff({ path: of.to, source, runs, totalBytes }, signal);
  } finally {
    closeSync(file);
    if (below !== undefined) closeSync(below);
  }
}
