/** Writes the pages that have changed, and only what is not zero of them. */
import { closeSync, openSync, writeSync } from "node:fs";
import { type DiffRun, encodeDiff, HEADER_BYTES, indexPlace, storedPagesOf } from "./diff-format";
import { batchesOf, isZeroPage, PAGE_BYTES, type PageRun, type PageSource, SLICE_BYTES, yieldTo } from "./pages";

export type WrittenDiff = { readonly runs: readonly DiffRun[]; readonly storedBytes: number };

/**
 * Neither synced nor hashed: that can wait until the machine goes on. The header is written last, so a file that was
 * broken off is none.
 * @param of.runs in order, apart from each other
 */
export async function writeDiff(
  of: { path: string; source: PageSource; runs: readonly PageRun[]; totalBytes: number },
  signal: AbortSignal,
): Promise<WrittenDiff> {
  const file = openSync(of.path, "wx", 0o644);
  try {
    const runs: DiffRun[] = [];
    const slice = Buffer.allocUnsafe(SLICE_BYTES);
    const at = { inFile: HEADER_BYTES };
    for (const batch of batchesOf(of.runs)) {
      const kept = takeBatch({ batch, source: of.source, slice, runs });
      writeWhole(file, slice.subarray(0, kept), at.inFile);
      at.inFile += kept;
      await yieldTo(signal);
    }
    const { header, index } = encodeDiff({ totalBytes: of.totalBytes, runs });
    const place = indexPlace({ runCount: runs.length, storedPages: storedPagesOf(runs) });
    writeWhole(file, index, place.at);
    writeWhole(file, header, 0);
    return { runs, storedBytes: place.at + place.bytes };
  } finally {
    closeSync(file);
  }
}

/** Reads the batch's runs and moves what is not zero to the front. @returns how many bytes that is */
function takeBatch(of: { batch: readonly PageRun[]; source: PageSource; slice: Buffer; runs: DiffRun[] }): number {
  const { slice } = of;
  let read = 0;
  for (const { firstPage, pages } of of.batch) {
    of.source.readPages(slice.subarray(read, read + pages * PAGE_BYTES), firstPage * PAGE_BYTES);
    read += pages * PAGE_BYTES;
  }
  let [from, kept] = [0, 0];
  for (const { firstPage, pages } of of.batch)
    for (let page = firstPage; page < firstPage + pages; page += 1) {
      const isZero = isZeroPage(slice, from);
      addPage(of.runs, page, isZero);
      if (!isZero) {
        if (kept !== from) slice.copyWithin(kept, from, from + PAGE_BYTES);
        kept += PAGE_BYTES;
      }
      from += PAGE_BYTES;
    }
  return kept;
}

function addPage(runs: DiffRun[], page: number, isZero: boolean): void {
  const last = runs.at(-1);
  if (last !== undefined && last.isZero === isZero && last.firstPage + last.pages === page)
    runs[runs.length - 1] = { ...last, pages: last.pages + 1 };
  else runs.push({ firstPage: page, pages: 1, isZero });
}

/** A full disk may take a part and then nothing. */
export function writeWhole(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, at + done);
}
