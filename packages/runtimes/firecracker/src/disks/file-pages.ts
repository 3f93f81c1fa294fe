/** Files as pages: where they hold data, where two of them differ. */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { dataRuns } from "@sandlot/linux";
import { PAGE_BYTES, type PageRun, type PageTarget } from "@sandlot/runtime-microvm";

/** What is compared in one go. */
const SLICE_PAGES = 256;
const ZEROS = Buffer.alloc(PAGE_BYTES);

/** Where a file holds data, as the file system knows it: pages outside are zero, pages inside may be. */
export function dataRunsOf(file: number, totalBytes: number): PageRun[] {
  const runs = dataRuns(file, totalBytes).map(({ fromByte, toByte }) => {
    const firstPage = Math.floor(fromByte / PAGE_BYTES);
    return { firstPage, pages: Math.ceil(toByte / PAGE_BYTES) - firstPage };
  });
  return uniteRuns(runs, []);
}

/** Pure. All pages of both, in order and apart from each other. */
export function uniteRuns(one: readonly PageRun[], other: readonly PageRun[]): PageRun[] {
  const sorted = [...one, ...other].sort((a, b) => a.firstPage - b.firstPage);
  const united: { firstPage: number; pages: number }[] = [];
  for (const { firstPage, pages } of sorted) {
    const last = united.at(-1);
    const end = last === undefined ? -1 : last.firstPage + last.pages;
    if (last === undefined || firstPage > end) united.push({ firstPage, pages });
    else last.pages = Math.max(end, firstPage + pages) - last.firstPage;
  }
  return united;
}

/**
 * Where `file` differs from `below`, which may be shorter; absent, it is all zeros.
 * @throws the signal's reason between two slices
 */
export async function changedRuns(
  of: { file: number; below: number | undefined; totalBytes: number },
  signal: AbortSignal,
): Promise<PageRun[]> {
  const { file, below, totalBytes } = of;
  const belowBytes = below === undefined ? 0 : Math.min(totalBytes, fstatSync(below).size);
  const candidates = uniteRuns(dataRunsOf(file, totalBytes), below === undefined ? [] : dataRunsOf(below, belowBytes));
  const mine = Buffer.alloc(SLICE_PAGES * PAGE_BYTES);
  const theirs = Buffer.alloc(SLICE_PAGES * PAGE_BYTES);
  const changed: PageRun[] = [];
  for (const { firstPage, pages } of candidates)
    for (let done = 0; done < pages; done += SLICE_PAGES) {
      const first = firstPage + done;
      const count = Math.min(SLICE_PAGES, pages - done);
      readAt(file, mine.subarray(0, count * PAGE_BYTES), first * PAGE_BYTES);
      if (below === undefined) theirs.fill(0);
      else readAt(below, theirs.subarray(0, count * PAGE_BYTES), first * PAGE_BYTES);
      for (let page = 0; page < count; page += 1) {
        const [from, to] = [page * PAGE_BYTES, (page + 1) * PAGE_BYTES];
        if (mine.compare(theirs, from, to, from, to) !== 0) changed.push({ firstPage: first + page, pages: 1 });
      }
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
  return uniteRuns(changed, []);
}

function readAt(file: number, into: Buffer, at: number): void {
  let done = 0;
  for (let bytes = 1; bytes > 0 && done < into.length; done += bytes)
    bytes = readSync(file, into, done, into.length - done, at + done);
  into.fill(0, done); // beyond its end there are zeros
}

/** A file that takes pages. Pages of zeros are left out where there is a hole already; dispose of it to close it. */
export class FileTarget implements PageTarget, Disposable {
  readonly #file: number;
  readonly #isFresh: boolean;

  /** @param of.isFresh nothing but zeros is in it yet */
  constructor(of: { path: string; totalBytes: number; isFresh: boolean }) {
    this.#file = openSync(of.path, of.isFresh ? "wx+" : "r+", 0o644);
    this.#isFresh = of.isFresh;
    if (fstatSync(this.#file).size < of.totalBytes) ftruncateSync(this.#file, of.totalBytes);
  }

  writePages(from: Uint8Array, offsetBytes: number): void {
    const bytes = Buffer.from(from.buffer, from.byteOffset, from.byteLength);
    for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
      const page = bytes.subarray(at, at + PAGE_BYTES);
      if (this.#isFresh && page.equals(ZEROS)) continue;
      for (let done = 0; done < page.length; )
        done += writeSync(this.#file, page, done, page.length - done, offsetBytes + at + done);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
