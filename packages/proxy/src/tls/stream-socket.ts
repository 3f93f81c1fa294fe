import type { TLSSocket } from "node:tls";
import type { ClientSocket } from "../client-socket";

/** A stream of Node's as the sockets that connections are written for: what it cannot take at once is left with the caller. */
export class StreamSocket implements ClientSocket {
  readonly remoteAddress: string;
  readonly #stream: TLSSocket;

  constructor(stream: TLSSocket) {
    this.#stream = stream;
    this.remoteAddress = stream.remoteAddress ?? "";
  }

  write(bytes: Uint8Array): number {
    if (this.#stream.destroyed || this.#stream.writableEnded) return -1;
    if (this.#stream.writableNeedDrain) return 0;
    this.#stream.write(bytes);
    return bytes.length;
  }
  end(): void {
    this.#stream.end();
  }
  shutdown(): void {
    this.#stream.end();
  }
  pause(): void {
    this.#stream.pause();
  }
  resume(): void {
    this.#stream.resume();
  }
  /** Without TLS's own farewell, so that a body that broke off is not taken for whole. */
  terminate(): void {
    this.#stream.destroy();
  }
}
