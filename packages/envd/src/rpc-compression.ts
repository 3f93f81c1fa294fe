/** gzip of RPC messages, both ways, for the clients that ask for it; the stock ones do not send it. */
import { promisify } from "node:util";
import { constants, gunzip, gzip } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";

const compress = promisify<Uint8Array, { level: number }, Buffer<ArrayBuffer>>(gzip);
const decompress = promisify<Uint8Array, { maxOutputLength: number }, Buffer<ArrayBuffer>>(gunzip);

/** Fastest level, as for files. A message that unpacks to more than may be read is refused before it is held. */
export const gzipCompression: Compression = {
  name: "gzip",
  compress: (bytes) => compress(bytes, { level: constants.Z_BEST_SPEED }),
  async decompress(bytes, readMaxBytes) {
    if (bytes.byteLength === 0) return new Uint8Array(0);
    try {
      return await decompress(bytes, { maxOutputLength: readMaxBytes });
    } catch (thrown) {
      const isTooLarge = thrown instanceof Error && "code" in thrown && thrown.code === "ERR_BUFFER_TOO_LARGE";
      throw isTooLarge
        ? new ConnectError(`message is larger than ${readMaxBytes} bytes when unpacked`, Code.ResourceExhausted)
        : new ConnectError("message is no whole gzip stream", Code.InvalidArgument, undefined, undefined, thrown);
    }
  },
};
