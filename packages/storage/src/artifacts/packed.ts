/**
 * Sealed memory as it lies in an object store: frames of zstd, so that what a guest never touched, the holes of sparse
 * files, is neither read nor sent nor kept. Manifests tell size and checksum of the file itself.
 */
import { type FileHandle, open } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { createZstdDecompress } from "node:zlib";
import { dataRuns } from "@sandlot/linux";
import { storageFaults } from "../faults";

/** Of a frame, unpacked. */
const FRAME_BYTES = 4 << 20;
/** What is unpacked in one go. */
const CHUNK_BYTES = 1 << 20;
/** Of all file systems that machines lie on: a smaller run of zeros could not be a hole. */
const PAGE_BYTES = 4096;
/** The fastest: memory compresses little better with more work. */
const LEVEL = 1;
const ZEROS = Buffer.alloc(FRAME_BYTES);

/** The most that so many bytes become. */
export const packedAtMost = (sizeBytes: number): number => sizeBytes + Math.ceil(sizeBytes / 128) + 65_536;

/** The file's content, packed; ends with an error when the file cannot be read. Whoever takes it destroys it. */
export function packFile(path: string): Readable {
  return Readable.from(framesOf(path), { objectMode: false, highWaterMark: FRAME_BYTES });
}

async function* framesOf(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  const buffer = Buffer.allocUnsafe(FRAME_BYTES);
  let at = 0;
  for (const { fromByte, toByte } of dataRuns(file.fd, size)) {
    yield* framesOfZeros(fromByte - at);
    at = fromByte;
    while (at < toByte) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(FRAME_BYTES, toByte - at), at);
      if (bytesRead === 0) throw new Error(`${path} was cut while it was read`);
      yield await Bun.zstdCompress(buffer.subarray(0, bytesRead), { level: LEVEL });
      at += bytesRead;
    }
  }
  yield* framesOfZeros(size - at);
}

async function* framesOfZeros(bytes: number): AsyncGenerator<Uint8Array> {
  const whole = bytes >= FRAME_BYTES ? await Bun.zstdCompress(ZEROS, { level: LEVEL }) : undefined;
  for (let left = bytes; left > 0; left -= FRAME_BYTES)
    yield left >= FRAME_BYTES && whole !== undefined
      ? whole
      : await Bun.zstdCompress(ZEROS.subarray(0, left), { level: LEVEL });
}

/**
 * Writes what was packed, with holes where there is nothing but zeros.
 * @param of.key names it in faults
 * @returns of what was written
 * @throws Fault `storage_corrupt` for what was not packed by `packFile`, was cut, or holds more than `sizeBytes`
 */
export async function unpackFile(
  of: { from: string; to: string; key: string; sizeBytes: number },
  signal: AbortSignal,
): Promise<{ sha256: string; sizeBytes: number }> {
  const corrupt = (reason: string, cause?: unknown) => storageFaults.corrupt({ key: of.key, reason }, cause);
  const hasher = new Bun.CryptoHasher("sha256");
  const unpacker = createZstdDecompress({ chunkSize: CHUNK_BYTES });
  // An error of one side ends the other: it is heard of below.
  pipeline(chunksOf(of.from), unpacker, () => undefined);
  await using file = await open(of.to, "w", 0o644);
  try {
    const pieces = unpacker[Symbol.asyncIterator]();
    let at = 0;
    while (true) {
      signal.throwIfAborted();
      const { done, value } = await pieces.next().catch((thrown: Error) => {
        throw corrupt(thrown.message, thrown);
      });
      if (done === true) break;
      const piece = value as Buffer;
      if (at + piece.length > of.sizeBytes) throw corrupt(`it holds more than ${of.sizeBytes} bytes`);
      hasher.update(piece);
      await writeSparse(file, piece, at);
      at += piece.length;
    }
    await file.truncate(at);
    return { sha256: hasher.digest("hex"), sizeBytes: at };
  } finally {
    unpacker.destroy();
  }
}

async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  await using file = await open(path, "r");
  for (let at = 0; ; ) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

async function writeSparse(file: FileHandle, bytes: Buffer, atByte: number): Promise<void> {
  let from = 0; // of what is to be written next
  let at = 0;
  const flush = async (to: number): Promise<void> => {
    while (to > from) from += (await file.write(bytes, from, to - from, atByte + from)).bytesWritten;
  };
  while (at < bytes.length) {
    const end = Math.min(bytes.length, at + PAGE_BYTES - ((atByte + at) % PAGE_BYTES));
    if (bytes.subarray(at, end).equals(ZEROS.subarray(0, end - at))) {
      await flush(at);
      from = end;
    }
    at = end;
  }
  await flush(bytes.length);
}
