/** Which pages of a private mapping are the process's own: what the kernel tells in /proc/PID/pagemap. Pure. */
import { appendRun } from "./pages";

/** One word of eight bytes per page. */
export const ENTRY_BYTES = 8;

/** Bits of a word's upper half: in memory (63), swapped out (62), still the file's or shared (61). */
const IN_USE = 0xc0000000;
const OF_THE_FILE = 0x20000000;

/**
 * Adds to `runs` those of the entries that are written copies: in memory or swapped out, and no longer the file's.
 * @param entries of `firstPage` and those after it, in the byte order of this machine (little)
 */
export function addOwnPages(
  runs: { firstPage: number; pages: number }[],
  of: { entries: Uint8Array; firstPage: number },
): void {
  const words = new Uint32Array(of.entries.buffer, of.entries.byteOffset, of.entries.byteLength >>> 2);
  let start = -1;
  const pages = words.length >>> 1;
  for (let page = 0; page <= pages; page += 1) {
    const high = page < pages ? (words[page * 2 + 1] ?? 0) : 0;
    const isOwn = (high & IN_USE) !== 0 && (high & OF_THE_FILE) === 0;
    if (isOwn && start < 0) start = page;
    if (isOwn || start < 0) continue;
    appendRun(runs, { firstPage: of.firstPage + start, pages: page - start });
    start = -1;
  }
}
