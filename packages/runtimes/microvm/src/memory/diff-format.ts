/**
 * A file of changed pages: one page of header, the pages one after the other, then the index that says where they belong.
 * Pages that have become all zero are in the index alone. Everything is little-endian; what was written by others is read
 * with bounds on every number.
 *
 * header: magic (16 bytes), page size (u32), runs (u32), size of what it changes in bytes (u64), stored pages (u64), SHA-256
 *   of the index (32), then zeros
 * index: per run its first page (u32) and its pages (u32), of which the highest bit marks zeros
 */
import { createHash } from "node:crypto";
import { microvmFaults } from "../faults";
import { countPages, PAGE_BYTES, type PageRun } from "./pages";

/** Ours, with the version: another layout is another word. */
const MAGIC = "sandlot-pages-1\n";
export const HEADER_BYTES = PAGE_BYTES;
const RUN_BYTES = 8;
const ZEROS_BIT = 0x80000000;
/** Enough for every second page of 256 GB. */
const RUNS_MAX = 1 << 25;

export type DiffRun = PageRun & { readonly isZero: boolean };

export type DiffIndex = {
  /** Of the memory or disk that it changes; a multiple of the page size. */
  readonly totalBytes: number;
  /** In order of their pages, apart from each other. */
  readonly runs: readonly DiffRun[];
};

export type DiffHeader = {
  readonly totalBytes: number;
  readonly runCount: number;
  readonly storedPages: number;
  readonly indexSha256: string;
};

/** Pure. */
export function storedPagesOf(runs: readonly DiffRun[]): number {
  return countPages(runs.filter(({ isZero }) => !isZero));
}

/** Where the index lies in the file, and how long the file is with it. */
export function indexPlace(header: Pick<DiffHeader, "runCount" | "storedPages">): { at: number; bytes: number } {
  return { at: HEADER_BYTES + header.storedPages * PAGE_BYTES, bytes: header.runCount * RUN_BYTES };
}

/** Pure. */
export function encodeDiff({ totalBytes, runs }: DiffIndex): { header: Buffer; index: Buffer } {
  const index = Buffer.alloc(runs.length * RUN_BYTES);
  for (const [at, { firstPage, pages, isZero }] of runs.entries()) {
    index.writeUInt32LE(firstPage, at * RUN_BYTES);
    index.writeUInt32LE((pages | (isZero ? ZEROS_BIT : 0)) >>> 0, at * RUN_BYTES + 4);
  }
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, "latin1");
  header.writeUInt32LE(PAGE_BYTES, 16);
  header.writeUInt32LE(runs.length, 20);
  header.writeBigUInt64LE(BigInt(totalBytes), 24);
  header.writeBigUInt64LE(BigInt(storedPagesOf(runs)), 32);
  createHash("sha256").update(index).digest().copy(header, 40);
  return { header, index };
}

const refuse = (reason: string) => microvmFaults.diff_unreadable({ reason });

/** Pure. @throws Fault `microvm_diff_unreadable` */
export function parseHeader(bytes: Buffer): DiffHeader {
  if (bytes.length < HEADER_BYTES) throw refuse("it is cut short");
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) throw refuse("it is not one of ours");
  if (bytes.readUInt32LE(16) !== PAGE_BYTES) throw refuse("its pages have another size");
  const runCount = bytes.readUInt32LE(20);
  const totalBytes = Number(bytes.readBigUInt64LE(24));
  const storedPages = Number(bytes.readBigUInt64LE(32));
  if (!Number.isSafeInteger(totalBytes) || totalBytes % PAGE_BYTES !== 0) throw refuse("what it changes has no size");
  const totalPages = totalBytes / PAGE_BYTES;
  if (runCount > RUNS_MAX || runCount > totalPages || storedPages > totalPages)
    throw refuse("it says it holds more than it can");
  return { totalBytes, runCount, storedPages, indexSha256: bytes.toString("hex", 40, 72) };
}

/** Pure. @throws Fault `microvm_diff_unreadable` unless every run is where it may be and all pages are accounted for */
export function parseIndex(header: DiffHeader, bytes: Buffer): DiffIndex {
  if (bytes.length !== header.runCount * RUN_BYTES) throw refuse("its index is cut short");
  if (createHash("sha256").update(bytes).digest("hex") !== header.indexSha256) throw refuse("its index is damaged");
  const totalPages = header.totalBytes / PAGE_BYTES;
  const runs: DiffRun[] = [];
  let end = 0;
  for (let at = 0; at < bytes.length; at += RUN_BYTES) {
    const firstPage = bytes.readUInt32LE(at);
    const word = bytes.readUInt32LE(at + 4);
    const pages = (word & ~ZEROS_BIT) >>> 0;
    if (pages === 0 || firstPage < end || firstPage + pages > totalPages) throw refuse("a run lies where none can be");
    runs.push({ firstPage, pages, isZero: (word & ZEROS_BIT) !== 0 });
    end = firstPage + pages;
  }
  if (storedPagesOf(runs) !== header.storedPages) throw refuse("its runs and its pages do not agree");
  return { totalBytes: header.totalBytes, runs };
}
