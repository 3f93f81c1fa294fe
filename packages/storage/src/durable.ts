/** Files that are on the disk when we say so. */
import { constants } from "node:fs";
import { type FileHandle, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { storageFaults } from "./faults";

const HASH_CHUNK_BYTES = 1 << 20;

/** Contents, or a directory's entries. */
export async function syncPath(path: string): Promise<void> {
  await using handle = await open(path, constants.O_RDONLY);
  await handle.sync();
}

/** Whole or not at all, and there after a power cut. */
export async function writeDurably(path: string, bytes: Uint8Array | string): Promise<void> {
  const draft = `${path}.new`;
  try {
    await using handle = await open(draft, "w", 0o644);
    await handle.writeFile(bytes);
    await handle.sync();
  } catch (thrown) {
    await rm(draft, { force: true });
    throw thrown;
  }
  await rename(draft, path);
  await syncPath(dirname(path));
}

/** For what may be lost in a crash and costs only time then. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.${crypto.randomUUID()}.new`;
  await writeFile(draft, text);
  await rename(draft, path);
}

/** Hex SHA-256 and size. @throws the signal's reason when aborted; what opening throws */
export async function hashFile(path: string, signal?: AbortSignal): Promise<{ sha256: string; sizeBytes: number }> {
  await using handle: FileHandle = await open(path, "r");
  const hasher = new Bun.CryptoHasher("sha256");
  const chunk = Buffer.allocUnsafe(HASH_CHUNK_BYTES);
  let sizeBytes = 0;
  while (true) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, sizeBytes);
    if (bytesRead === 0) return { sha256: hasher.digest("hex"), sizeBytes };
    hasher.update(chunk.subarray(0, bytesRead));
    sizeBytes += bytesRead;
  }
}

export function isAbsent(thrown: unknown): boolean {
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code;
  return code === "ENOENT" || code === "ENOTDIR";
}

/** A full disk is told as such, everything else as it came. */
export function asFault(thrown: unknown, path: string): unknown {
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code;
  return code === "ENOSPC" || code === "EDQUOT" ? storageFaults.disk_full({ path }, thrown) : thrown;
}
