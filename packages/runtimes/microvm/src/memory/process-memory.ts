/** The memory of another process, seen from outside through /proc. Needs the right to trace it; the process must stand still. */
import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { readProcessStat } from "@sandlot/linux";
import { microvmFaults } from "../faults";
import { addOwnPages, ENTRY_BYTES } from "./pagemap";
import { PAGE_BYTES, type PageRun, type PageSource, type PageTarget } from "./pages";

const ENTRIES_AT_ONCE = 64 << 10;

export type MappedRange = {
  readonly pid: number;
  /** As /proc/PID/stat has it; given, another process under the same number is not taken for it. */
  readonly startTime?: string;
  readonly address: number;
  readonly sizeBytes: number;
};

/** One mapping of a process, from its first page on. Dispose of it to close what it holds open. */
export class ProcessMemory implements PageSource, PageTarget, Disposable {
  readonly #range: MappedRange;
  readonly #memory: number;
  readonly #pagemap: number;

  /** @throws Fault `microvm_memory_unreachable` when the process is gone, or has no such mapping */
  constructor(range: MappedRange) {
    requireMapped(range);
    this.#range = range;
    this.#memory = openOf(range.pid, "mem", "r+");
    try {
      this.#pagemap = openOf(range.pid, "pagemap", "r");
    } catch (thrown) {
      closeSync(this.#memory);
      throw thrown;
    }
    // What is open now stays that process's, whoever gets its number later.
    if (range.startTime === undefined || readProcessStat(range.pid)?.startTicks === range.startTime) return;
    this[Symbol.dispose]();
    throw microvmFaults.memory_unreachable({ pid: range.pid, reason: "another process has its number" });
  }

  get totalPages(): number {
    return this.#range.sizeBytes / PAGE_BYTES;
  }

  /** The pages that differ from the mapped file, or of anonymous memory those that were ever touched. 5 ms for 256 MB. */
  ownPages(): PageRun[] {
    const runs: { firstPage: number; pages: number }[] = [];
    const buffer = Buffer.alloc(ENTRIES_AT_ONCE * ENTRY_BYTES);
    for (let page = 0; page < this.totalPages; page += ENTRIES_AT_ONCE) {
      const entries = buffer.subarray(0, Math.min(ENTRIES_AT_ONCE, this.totalPages - page) * ENTRY_BYTES);
      const at = (this.#range.address / PAGE_BYTES + page) * ENTRY_BYTES;
      this.#whole(readSync(this.#pagemap, entries, 0, entries.length, at), entries.length);
      addOwnPages(runs, { entries, firstPage: page });
    }
    return runs;
  }

  readPages(into: Uint8Array, offsetBytes: number): void {
    this.#within(offsetBytes, into.length);
    const at = this.#range.address + offsetBytes;
    this.#whole(readSync(this.#memory, into, 0, into.length, at), into.length);
  }

  writePages(from: Uint8Array, offsetBytes: number): void {
    this.#within(offsetBytes, from.length);
    const at = this.#range.address + offsetBytes;
    this.#whole(writeSync(this.#memory, from, 0, from.length, at), from.length);
  }

  [Symbol.dispose](): void {
    closeSync(this.#memory);
    closeSync(this.#pagemap);
  }

  #within(offsetBytes: number, bytes: number): void {
    if (offsetBytes < 0 || offsetBytes + bytes > this.#range.sizeBytes)
      throw microvmFaults.memory_unreachable({ pid: this.#range.pid, reason: `${offsetBytes} lies outside of it` });
  }

  /** A process that dies meanwhile answers with less, or nothing. */
  #whole(bytes: number, wanted: number): void {
    if (bytes !== wanted) throw microvmFaults.memory_unreachable({ pid: this.#range.pid, reason: "it ended" });
  }
}

function openOf(pid: number, name: "mem" | "pagemap", flags: "r" | "r+"): number {
  try {
    return openSync(`/proc/${pid}/${name}`, flags);
  } catch (thrown) {
    throw microvmFaults.memory_unreachable({ pid, reason: String(thrown) }, thrown);
  }
}

/** Whoever named the range may be wrong: it must be one mapping, or several without a gap. */
function requireMapped({ pid, address, sizeBytes }: MappedRange): void {
  const fail = (reason: string, cause?: unknown) => microvmFaults.memory_unreachable({ pid, reason }, cause);
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/maps`, "latin1");
  } catch (thrown) {
    throw fail(String(thrown), thrown);
  }
  let at = address;
  for (const line of text.split("\n")) {
    const [, from, to, rights] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
    if (from === undefined || to === undefined || Number.parseInt(to, 16) <= at) continue;
    if (Number.parseInt(from, 16) > at || rights !== "rw-p") break;
    at = Number.parseInt(to, 16);
    if (at >= address + sizeBytes) return;
  }
  throw fail(`it has no private memory of ${sizeBytes} bytes at ${address.toString(16)}`);
}
