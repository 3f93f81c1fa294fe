/** Puts changed pages where they belong. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { microvmFaults } from "../faults";
import { type DiffIndex, type DiffRun, HEADER_BYTES, indexPlace, parseHeader, parseIndex } from "./diff-format";
import { PAGE_BYTES, type PageTarget, SLICE_BYTES, slicesOf, yieldTo } from "./pages";

/** An open file of changed pages. Dispose of it to close it. */
export class DiffFile implements Disposable {
  readonly index: DiffIndex;
  readonly #file: number;

  /** @throws Fault `microvm_diff_unreadable`; its checksum is whoever's who names the file */
  constructor(path: string) {
    this.#file = openSync(path, "r");
    try {
      this.index = this.#readIndex();
    } catch (thrown) {
      closeSync(this.#file);
      throw thrown;
    }
  }

  /** The stored pages of each run in turn, in slices; those of a run of zeros are not there to be read. */
  *slices(buffer: Buffer): Generator<{ run: DiffRun; bytes: Buffer }> {
    let at = HEADER_BYTES;
    for (const run of this.index.runs)
      for (const { firstPage, pages } of slicesOf([run])) {
        const bytes = buffer.subarray(0, pages * PAGE_BYTES);
        if (run.isZero) bytes.fill(0);
        else {
          this.#read(bytes, at);
          at += bytes.length;
        }
        yield { run: { firstPage, pages, isZero: run.isZero }, bytes };
      }
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }

  #readIndex(): DiffIndex {
    const { size } = fstatSync(this.#file);
    if (size < HEADER_BYTES) throw microvmFaults.diff_unreadable({ reason: "it is cut short" });
    const header = parseHeader(this.#read(Buffer.alloc(HEADER_BYTES), 0));
    const place = indexPlace(header);
    // Before anything of that size is made room for.
    if (place.at + place.bytes !== size) throw microvmFaults.diff_unreadable({ reason: "it has another length" });
    return parseIndex(header, this.#read(Buffer.alloc(place.bytes), place.at));
  }

  #read(into: Buffer, at: number): Buffer {
    for (let done = 0; done < into.length; ) {
      const bytes = readSync(this.#file, into, done, into.length - done, at + done);
      if (bytes === 0) throw microvmFaults.diff_unreadable({ reason: "it is cut short" });
      done += bytes;
    }
    return into;
  }
}

/**
 * Writes all pages of the file into what it was made of, zeros included.
 * @throws Fault `microvm_diff_unreadable` when it is of a memory of another size, before anything is written
 */
export async function applyDiff(
  of: { path: string; target: PageTarget; totalBytes: number },
  signal: AbortSignal,
): Promise<void> {
  using diff = new DiffFile(of.path);
  const { totalBytes } = diff.index;
  if (totalBytes !== of.totalBytes)
    throw microvmFaults.diff_unreadable({ reason: `it is of ${totalBytes} bytes, and not of ${of.totalBytes}` });
  let since = 0;
  for (const { run, bytes } of diff.slices(Buffer.allocUnsafe(SLICE_BYTES))) {
    of.target.writePages(bytes, run.firstPage * PAGE_BYTES);
    since += bytes.length;
    if (since < SLICE_BYTES) continue;
    since = 0;
    await yieldTo(signal);
  }
}
