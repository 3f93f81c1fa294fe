/** All read-only layers of a machine as one raw file: Firecracker takes a file per disk and knows no other format. */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { stat } from "node:fs/promises";
import { syscall } from "@sandlot/linux";
import { planLayersDisk } from "@sandlot/runtime-microvm";
import { type FileCache, nameOfFiles, type TakenFile } from "./file-cache";

/** One call's share, so that nobody else of this process waits long for it. */
const SLICE_BYTES = 8 << 20;

/**
 * @param of.images newest first, as partitions of the disk; made once per set of layers
 * @throws Fault `microvm_bad_layer`
 */
export async function takeLayersFile(of: {
  cache: FileCache;
  images: readonly string[];
  signal: AbortSignal;
}): Promise<TakenFile> {
  return of.cache.take(await nameOfFiles("layers", of.images), (draft) => compose(draft, of.images, of.signal));
}

async function compose(draft: string, images: readonly string[], signal: AbortSignal): Promise<void> {
  const extents = await Promise.all(images.map(async (path) => ({ path, sizeBytes: (await stat(path)).size })));
  const disk = planLayersDisk(extents);
  const file = openSync(draft, "wx", 0o644);
  try {
    let at = 0;
    for (const piece of disk.pieces) {
      if (piece.kind === "bytes") writeSync(file, piece.bytes, 0, piece.bytes.length, at);
      else await copyInto({ from: piece.path, file, at, sizeBytes: piece.sizeBytes, signal });
      at += piece.kind === "bytes" ? piece.bytes.length : piece.sizeBytes;
    }
    ftruncateSync(file, disk.sizeBytes);
  } finally {
    closeSync(file);
  }
}

/** By the kernel, which shares the blocks where the file system can (XFS, btrfs) and copies them where it cannot. */
async function copyInto(of: {
  from: string;
  file: number;
  at: number;
  sizeBytes: number;
  signal: AbortSignal;
}): Promise<void> {
  const source = openSync(of.from, "r");
  try {
    const [here, there] = [new BigInt64Array([0n]), new BigInt64Array([BigInt(of.at)])];
    for (let done = 0; done < of.sizeBytes; ) {
      const bytes = Math.min(SLICE_BYTES, of.sizeBytes - done);
      const copied = syscall("copy_file_range", source, here, of.file, there, bytes, 0);
      if (copied === 0) throw new Error(`${of.from} is shorter than it was`);
      done += copied;
      await new Promise((resolve) => setImmediate(resolve));
      of.signal.throwIfAborted();
    }
  } finally {
    closeSync(source);
  }
}
