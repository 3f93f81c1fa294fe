/** The ELF inside a bzImage: booted as it is, a guest under software emulation starts a second sooner. */
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { microvmFaults } from "../faults";
import { unpackLegacyLz4 } from "./lz4";

/** Sectors of the real-mode code, 0 meaning 4; then where the payload lies behind it and how long it is. Linux' x86 boot protocol. */
const SETUP_SECTORS = 0x1f1;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;

/**
 * Pure. Costs about a second for a kernel of 8 MB.
 * @param path only for the fault's text
 * @throws Fault `microvm_bad_kernel`
 */
export function unpackKernel(image: Uint8Array, path: string): Uint8Array {
  if (isElf(image)) return image;
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  const bad = (reason: string, cause?: unknown) => microvmFaults.bad_kernel({ path, reason }, cause);
  if (bytes.length < 0x250 || bytes.toString("latin1", 0x202, 0x206) !== "HdrS") throw bad("it has no boot header");
  const start = ((bytes[SETUP_SECTORS] || 4) + 1) * 512 + bytes.readUInt32LE(PAYLOAD_OFFSET);
  const end = start + bytes.readUInt32LE(PAYLOAD_LENGTH);
  if (end > bytes.length || end - start < 8) throw bad("its payload is cut off");
  let unpacked: Uint8Array;
  try {
    // The last four bytes are the size of what was packed.
    unpacked = unpack(bytes.subarray(start, end - 4), bytes.readUInt32LE(end - 4));
  } catch (thrown) {
    throw bad(thrown instanceof Error ? thrown.message : String(thrown), thrown);
  }
  if (!isElf(unpacked)) throw bad("what was packed in it is no ELF");
  return unpacked;
}

function unpack(packed: Buffer, sizeBytes: number): Uint8Array {
  const mark = packed.readUInt32LE(0);
  if (mark === 0x184c2102) return unpackLegacyLz4(packed, sizeBytes);
  if (mark === 0xfd2fb528) return zstdDecompressSync(packed);
  if ((mark & 0xffff) === 0x8b1f) return gunzipSync(packed);
  throw new Error(`its payload is packed in an unknown way (${mark.toString(16)})`);
}

const isElf = (bytes: Uint8Array): boolean =>
  bytes.length > 64 && Buffer.from(bytes.buffer, bytes.byteOffset, 4).toString("latin1") === "\x7fELF";
