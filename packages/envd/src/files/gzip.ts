/** gzip of a chunk stream, both ways, with back-pressure. */
import { pipeline, Readable, type Transform } from "node:stream";
import { constants, createGunzip, createGzip, gzipSync } from "node:zlib";
import { fileFaults } from "./faults";
import { CHUNK_BYTES, GZIP_WORTH_SHARE } from "./limits";

export type Chunks = AsyncIterable<Uint8Array>;

/** Fastest level: the wire is nearly always a loopback or a data-centre link. */
export function gzipped(source: Chunks): AsyncGenerator<Buffer> {
  return through(source, createGzip({ level: constants.Z_BEST_SPEED, chunkSize: CHUNK_BYTES }));
}

/** Whether a sample of the content gets smaller at all. */
export function isWorthGzip(sample: Uint8Array): boolean {
  return gzipSync(sample, { level: constants.Z_BEST_SPEED }).length <= sample.length * GZIP_WORTH_SHARE;
}

/** @throws Fault `files_bad_request` for bytes that are no whole gzip stream; errors of the source as they are */
export async function* gunzipped(source: Chunks): AsyncGenerator<Buffer> {
  try {
    yield* through(source, createGunzip({ chunkSize: CHUNK_BYTES }));
  } catch (thrown) {
    const isZlib = thrown instanceof Error && "code" in thrown && String(thrown.code).startsWith("Z_");
    throw isZlib ? fileFaults.bad_request({ problem: `error decompressing the body: ${thrown.message}` }) : thrown;
  }
}

async function* through(source: Chunks, transform: Transform): AsyncGenerator<Buffer> {
  // Errors of either side surface at the iteration below; the callback only keeps them from being unhandled.
  pipeline(Readable.from(source, { objectMode: true, highWaterMark: 1 }), transform, () => undefined);
  try {
    for await (const chunk of transform) yield chunk as Buffer;
  } finally {
    transform.destroy();
  }
}
