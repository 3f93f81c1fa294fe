/** A GUID partition table with 128 rows, both copies. The layout is the UEFI specification's, chapter 5. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

export const SECTOR = 512;
const ROWS = 128;
const ROW_BYTES = 128;
const TABLE_SECTORS = (ROWS * ROW_BYTES) / SECTOR;
/** Protective record, header and rows, filled up so that the first partition begins on a page. */
export const HEAD_BYTES = 20_480;
/** Rows and header again, at the very end; the space before them stays empty. */
export const TAIL_BYTES = 20_480;
const HEADER_BYTES = 92;

export type Partition = { readonly offsetBytes: number; readonly sizeBytes: number };

/** Mixed-endian as the specification wants it. */
const LINUX_DATA = Buffer.from("af3dc60f838472478e793d69d8477de4", "hex");

/** Everything before the first partition. Pure: the same layout gives the same bytes. */
export function gptHead(partitions: readonly Partition[], sizeBytes: number): Uint8Array {
  const out = Buffer.alloc(HEAD_BYTES);
  const rows = rowsOf(partitions);
  const sectors = sizeBytes / SECTOR;
  out.set(protectiveRecord(sectors), 0);
  out.set(header({ at: 1, other: sectors - 1, rowsAt: 2, sectors, rows }), SECTOR);
  out.set(rows, 2 * SECTOR);
  return out;
}

/** Everything behind the last partition. */
export function gptTail(partitions: readonly Partition[], sizeBytes: number): Uint8Array {
  const out = Buffer.alloc(TAIL_BYTES);
  const rows = rowsOf(partitions);
  const sectors = sizeBytes / SECTOR;
  const rowsAt = sectors - 1 - TABLE_SECTORS;
  out.set(rows, TAIL_BYTES - SECTOR - rows.length);
  out.set(header({ at: sectors - 1, other: 1, rowsAt, sectors, rows }), TAIL_BYTES - SECTOR);
  return out;
}

/** Tells tools of before 2000 that the disk is in use. */
function protectiveRecord(sectors: number): Buffer {
  const record = Buffer.alloc(SECTOR);
  record.set([0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff], 446);
  record.writeUInt32LE(1, 454);
  record.writeUInt32LE(Math.min(sectors - 1, 0xffff_ffff), 458);
  record.writeUInt16LE(0xaa55, 510);
  return record;
}

function rowsOf(partitions: readonly Partition[]): Buffer {
  const rows = Buffer.alloc(ROWS * ROW_BYTES);
  partitions.forEach(({ offsetBytes, sizeBytes }, index) => {
    const row = rows.subarray(index * ROW_BYTES, (index + 1) * ROW_BYTES);
    row.set(LINUX_DATA, 0);
    row.set(guid(`partition ${index} ${offsetBytes} ${sizeBytes}`), 16);
    row.writeBigUInt64LE(BigInt(offsetBytes / SECTOR), 32);
    row.writeBigUInt64LE(BigInt((offsetBytes + sizeBytes) / SECTOR - 1), 40);
    row.write(`layer${index + 1}`, 56, "utf16le");
  });
  return rows;
}

function header(of: { at: number; other: number; rowsAt: number; sectors: number; rows: Buffer }): Buffer {
  const out = Buffer.alloc(HEADER_BYTES);
  out.write("EFI PART", 0, "latin1");
  out.writeUInt32LE(0x0001_0000, 8);
  out.writeUInt32LE(HEADER_BYTES, 12);
  out.writeBigUInt64LE(BigInt(of.at), 24);
  out.writeBigUInt64LE(BigInt(of.other), 32);
  out.writeBigUInt64LE(BigInt(HEAD_BYTES / SECTOR), 40);
  out.writeBigUInt64LE(BigInt(of.sectors - TAIL_BYTES / SECTOR - 1), 48);
  out.set(guid(`disk ${of.sectors}`), 56);
  out.writeBigUInt64LE(BigInt(of.rowsAt), 72);
  out.writeUInt32LE(ROWS, 80);
  out.writeUInt32LE(ROW_BYTES, 84);
  out.writeUInt32LE(crc32(of.rows), 88);
  out.writeUInt32LE(crc32(out), 16);
  return out;
}

/** Nobody looks a layer up by it; it must only be there, and be the same for the same layout. */
function guid(of: string): Buffer {
  return createHash("sha256").update(of).digest().subarray(0, 16);
}
