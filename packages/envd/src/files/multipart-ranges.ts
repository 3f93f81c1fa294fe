/** The `multipart/byteranges` body of an answer to several ranges: RFC 9110 §14.6. */
import type { ByteRange } from "./ranges";
import { streamRange } from "./read-file";

export function multipartRanges(of: { fd: number; ranges: readonly ByteRange[]; type: string; sizeBytes: number }): {
  type: string;
  chunks: AsyncGenerator<Buffer>;
} {
  const boundary = crypto.randomUUID().replaceAll("-", "");
  return { type: `multipart/byteranges; boundary=${boundary}`, chunks: partsOf(of, boundary) };
}

async function* partsOf(of: Parameters<typeof multipartRanges>[0], boundary: string): AsyncGenerator<Buffer> {
  for (const range of of.ranges) {
    const extent = `bytes ${range.from}-${range.from + range.length - 1}/${of.sizeBytes}`;
    yield Buffer.from(`\r\n--${boundary}\r\nContent-Range: ${extent}\r\nContent-Type: ${of.type}\r\n\r\n`);
    yield* streamRange(of.fd, range);
  }
  yield Buffer.from(`\r\n--${boundary}--\r\n`);
}
