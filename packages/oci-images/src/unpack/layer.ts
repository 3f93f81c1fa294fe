/** One layer as it was sent, to the plain tar that it stands for: unpacked, checked entry by entry, and against its own digest. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { isFault } from "@sandlot/faults";
import { imageFaults } from "../faults";
import { checkTar, type TarCheck } from "./check-tar";

/** By its first bytes: media types are often wrong. */
async function decompressor(path: string): Promise<Transform> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    if (buffer[0] === 0x1f && buffer[1] === 0x8b) return createGunzip() as unknown as Transform;
    if (buffer.readUInt32LE(0) === 0xfd2fb528) return createZstdDecompress() as unknown as Transform;
    return new PassThrough();
  } finally {
    await file.close();
  }
}

/** @throws Fault `image_wrong_digest`, `image_refused_entry`, `image_too_large`, `image_bad_archive` */
export async function expandLayer(of: {
  from: string;
  to: string;
  diffId: string;
  check: TarCheck;
  signal?: AbortSignal | undefined;
}): Promise<{ sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  // Tars pad: what is unpacked is bounded by entries, what is written by twice that.
  const limit = of.check.limits.unpackedBytes * 2 + 1024 * 1024;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length;
      hash.update(chunk);
      if (sizeBytes > limit) done(imageFaults.too_large({ what: of.check.archive, limit: `${limit} bytes` }));
      else done(null, chunk);
    },
  });
  const steps = [createReadStream(of.from), await decompressor(of.from), checkTar(of.check), count] as const;
  try {
    await pipeline(
      ...steps,
      createWriteStream(of.to, { mode: 0o600 }),
      of.signal === undefined ? {} : { signal: of.signal },
    );
  } catch (thrown) {
    if (isFault(thrown) || of.signal?.aborted === true) throw of.signal?.aborted === true ? of.signal.reason : thrown;
    // A full disk is no fault of the archive's.
    if (/^E[A-Z]+$/.test((thrown as NodeJS.ErrnoException).code ?? "")) throw thrown;
    throw imageFaults.bad_archive({ archive: of.check.archive, why: (thrown as Error).message }, thrown);
  }
  const got = `sha256:${hash.digest("hex")}`;
  if (got !== of.diffId) throw imageFaults.wrong_digest({ what: of.check.archive, wanted: of.diffId, got });
  return { sizeBytes };
}
