/** Writes a whole memory as a file of which only what is not zero takes room. */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from "node:fs";
import {
  appendRun,
  batchesOf,
  gapsOf,
  isZeroPage,
  PAGE_BYTES,
  type PageRun,
  type PageSource,
  SLICE_BYTES,
  yieldTo,
} from "./pages";
import { writeWhole } from "./write-diff";

/** A file that is being written, and what is still missing in it. Not synced. */
export type BegunBase = {
  /** Takes what the machine had not changed out of the file it was mapped from; it may run on meanwhile. */
  finish(signal: AbortSignal): Promise<void>;
};

/**
 * Writes the pages that are the machine's own while it stands still.
 * @param of.below the file it maps; absent when its memory is all its own. `finish` must be called in either case
 */
export async function beginBase(
  of: { path: string; source: PageSource; runs: readonly PageRun[]; totalBytes: number; below?: string },
  signal: AbortSignal,
): Promise<BegunBase> {
  const file = openSync(of.path, "wx", 0o644);
  try {
    ftruncateSync(file, of.totalBytes);
    await copyPages({ file, source: of.source, runs: of.runs }, signal);
  } finally {
    closeSync(file);
  }
  return {
    async finish(later) {
      if (of.below === undefined) return;
      const runs = gapsOf(of.runs, of.totalBytes / PAGE_BYTES);
      const out = openSync(of.path, "r+");
      try {
        using below = openPages(of.below);
        await copyPages({ file: out, source: below, runs }, later);
      } finally {
        closeSync(out);
      }
    },
  };
}

async function copyPages(
  of: { file: number; source: PageSource; runs: readonly PageRun[] },
  signal: AbortSignal,
): Promise<void> {
  const slice = Buffer.allocUnsafe(SLICE_BYTES);
  for (const batch of batchesOf(of.runs)) {
    for (const { firstPage, pages } of batch) {
      const bytes = slice.subarray(0, pages * PAGE_BYTES);
      of.source.readPages(bytes, firstPage * PAGE_BYTES);
      for (const kept of keptIn(bytes, pages)) {
        const [from, to] = [kept.firstPage * PAGE_BYTES, (kept.firstPage + kept.pages) * PAGE_BYTES];
        writeWhole(of.file, bytes.subarray(from, to), firstPage * PAGE_BYTES + from);
      }
    }
    await yieldTo(signal);
  }
}

function keptIn(bytes: Buffer, pages: number): PageRun[] {
  const kept: { firstPage: number; pages: number }[] = [];
  for (let page = 0; page < pages; page += 1)
    if (!isZeroPage(bytes, page * PAGE_BYTES)) appendRun(kept, { firstPage: page, pages: 1 });
  return kept;
}

/** A plain file as pages; beyond its end there are zeros. */
export function openPages(path: string): PageSource & Disposable {
  const file = openSync(path, "r");
  return {
    readPages(into, offsetBytes) {
      let done = 0;
      for (let bytes = 1; bytes > 0 && done < into.length; done += bytes)
        bytes = readSync(file, into, done, into.length - done, offsetBytes + done);
      into.fill(0, done);
    },
    [Symbol.dispose]: () => closeSync(file),
  };
}

/** What a sparse file takes on the disk. */
export function storedBytesOf(path: string): number {
  const file = openSync(path, "r");
  try {
    return fstatSync(file).blocks * 512;
  } finally {
    closeSync(file);
  }
}
