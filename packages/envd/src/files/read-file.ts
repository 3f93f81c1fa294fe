/** Bytes of an open file: bounded slices, whole or as a stream that reads only as fast as its reader. */
import { closeSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import { asUser } from "@sandlot/linux";
import type { User } from "../users";
import { CHUNK_BYTES } from "./limits";
import type { ByteRange } from "./ranges";

const readAsync = promisify(read);

/** Reads exactly `length` bytes, or fewer when the file has become shorter. */
export async function readRange(fd: number, { from, length }: ByteRange): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let got = 0;
  while (got < length) {
    const { bytesRead } = await readAsync(fd, buffer, got, length - got, from + got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return buffer.subarray(0, got);
}

/** A range in chunks, or less of it: a file that was rewritten meanwhile may end earlier. For a reader who was promised no length. */
export async function* streamUpTo(fd: number, { from, length }: ByteRange): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < length; ) {
    const chunk = await readRange(fd, { from: from + sent, length: Math.min(CHUNK_BYTES, length - sent) });
    if (chunk.length === 0) return;
    sent += chunk.length;
    yield chunk;
  }
}

/**
 * A range in chunks. A file that has become shorter meanwhile is an error: the reader was promised more, and a cut
 * connection tells it so.
 */
export async function* streamRange(fd: number, range: ByteRange): AsyncGenerator<Buffer> {
  let sent = 0;
  for await (const chunk of streamUpTo(fd, range)) {
    sent += chunk.length;
    yield chunk;
  }
  if (sent < range.length) throw new Error("the file became shorter while it was sent");
}

/**
 * Reads a file of no stated size, as those of /proc are, until it ends. The kernel checks some of them at each read, so
 * each read runs under the user's identity, on this thread. The descriptor is non-blocking: one that would wait ends.
 */
export function readUnsized(fd: number, user: User): Buffer {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  return buffer.subarray(
    0,
    asUser(user, () => readOrEnd(fd, buffer)),
  );
}

function readOrEnd(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer, 0, buffer.length, null);
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "EAGAIN") return 0;
    throw thrown;
  }
}

/**
 * Turns chunks into a response body that pulls one chunk at a time and owns the descriptor they are read from: it is
 * closed once, at the end, on failure, when the body is dropped, or when the client goes before the first pull.
 */
export function bodyOf(of: {
  chunks: AsyncGenerator<Buffer>;
  fd: number;
  signal: AbortSignal;
}): ReadableStream<Uint8Array> {
  const { chunks, signal } = of;
  let isOver = false;
  async function end(): Promise<void> {
    if (isOver) return;
    isOver = true;
    signal.removeEventListener("abort", end);
    // Waits for a read that is under way: its descriptor must not be reused before.
    await chunks.return(undefined).catch(() => undefined);
    closeSync(of.fd);
  }
  signal.addEventListener("abort", end);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { value, done } = await chunks.next();
          if (!done) return controller.enqueue(value);
          await end();
          controller.close();
        } catch (thrown) {
          await end();
          throw thrown;
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}
