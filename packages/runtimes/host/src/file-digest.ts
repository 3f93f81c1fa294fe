/** Checksums of large files, off nobody's critical path for longer than one block. */
import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

const BLOCK_BYTES = 1 << 20;

/**
 * Another one for a file whose content may be another. Not by the time of its last change of any kind: that differs with each name
 * the file is given.
 */
export function identityOf({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}

/** Reads the whole file through the page cache. */
export async function digestOf(file: FileHandle): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(BLOCK_BYTES);
  let sizeBytes = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, BLOCK_BYTES, sizeBytes);
    if (bytesRead === 0) return { sizeBytes, sha256: hash.digest("hex") };
    hash.update(buffer.subarray(0, bytesRead));
    sizeBytes += bytesRead;
  }
}

/** Puts the file on the disk while its checksum is made. */
export async function syncAndDigest(path: string): Promise<{ sizeBytes: number; sha256: string }> {
  const file = await open(path, "r");
  try {
    const [digest] = await Promise.all([digestOf(file), file.sync()]);
    return digest;
  } finally {
    await file.close();
  }
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
