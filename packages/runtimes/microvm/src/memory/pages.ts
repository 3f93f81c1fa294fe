/** Memory as runs of pages, and where pages are read from and written to. */

export const PAGE_BYTES = 4096;
/** What is read or written in one go: long enough to cost little, short enough not to hold up this process's other work. */
export const SLICE_BYTES = 2 << 20;

/** Pages that follow each other. */
export type PageRun = { readonly firstPage: number; readonly pages: number };

/** Offsets are in bytes from the first page; both throw when not all could be read or written. */
export type PageSource = { readPages(into: Uint8Array, offsetBytes: number): void };
export type PageTarget = { writePages(from: Uint8Array, offsetBytes: number): void };

const ZEROS = new Uint8Array(PAGE_BYTES);

export function isZeroPage(buffer: Buffer, at: number): boolean {
  return buffer.compare(ZEROS, 0, PAGE_BYTES, at, at + PAGE_BYTES) === 0;
}

export function countPages(runs: readonly PageRun[]): number {
  return runs.reduce((sum, { pages }) => sum + pages, 0);
}

/** Adds a run behind all others, as part of the last one where it follows on it. */
export function appendRun(runs: { firstPage: number; pages: number }[], run: PageRun): void {
  const last = runs.at(-1);
  if (last !== undefined && last.firstPage + last.pages === run.firstPage) last.pages += run.pages;
  else runs.push({ ...run });
}

/** What lies between the runs (sorted, apart from each other) and up to `totalPages`. */
export function gapsOf(runs: readonly PageRun[], totalPages: number): PageRun[] {
  const gaps: PageRun[] = [];
  let at = 0;
  for (const { firstPage, pages } of [...runs, { firstPage: totalPages, pages: 0 }]) {
    if (firstPage > at) gaps.push({ firstPage: at, pages: firstPage - at });
    at = firstPage + pages;
  }
  return gaps;
}

/** The same pages in runs of one slice at most. */
export function* slicesOf(runs: Iterable<PageRun>): Generator<PageRun> {
  const most = SLICE_BYTES / PAGE_BYTES;
  for (const { firstPage, pages } of runs)
    for (let done = 0; done < pages; done += most)
      yield { firstPage: firstPage + done, pages: Math.min(most, pages - done) };
}

/** As many runs at a time as one slice holds: many short ones cost one turn of the event loop, not one each. */
export function* batchesOf(runs: Iterable<PageRun>): Generator<PageRun[]> {
  let batch: PageRun[] = [];
  let bytes = 0;
  for (const run of slicesOf(runs)) {
    if (bytes + run.pages * PAGE_BYTES > SLICE_BYTES) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(run);
    bytes += run.pages * PAGE_BYTES;
  }
  if (batch.length > 0) yield batch;
}

/** Lets others of this process have their turn. @throws the signal's reason */
export async function yieldTo(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}
