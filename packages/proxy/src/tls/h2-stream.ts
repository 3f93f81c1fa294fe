import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { ClientConnection } from "../client-connection";
import type { ClientSocket } from "../client-socket";
import type { Doorkeeper } from "../doorkeeper";
import { FramingError } from "../http/framing";
import { AnswerReader } from "./answer-reader";
import { type Downgraded, downgradeTrailers } from "./request-head";

const CRLF = Buffer.from("\r\n");
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/**
 * One HTTP/2 request as a client of its own: its head and body go to a connection as HTTP/1.1, whose answer comes back as
 * HTTP/2. So both versions are read, decided on, forwarded and cut by the same code.
 */
export class H2Stream implements ClientSocket {
  readonly remoteAddress: string;
  readonly #stream: ServerHttp2Stream;
  readonly #request: Downgraded;
  readonly #reader: AnswerReader;
  #connection: ClientConnection | undefined;
  #receivedBytes = 0;
  #isRequestOver = false;
  #trailers: OutgoingHttpHeaders | undefined;

  constructor(stream: ServerHttp2Stream, request: Downgraded, remoteAddress: string) {
    this.#stream = stream;
    this.#request = request;
    this.remoteAddress = remoteAddress;
    this.#reader = new AnswerReader(request.method, {
      onInterim: (headers) => stream.additionalHeaders(headers),
      onHead: (headers, isWhole) => stream.respond(headers, { endStream: isWhole, waitForTrailers: !isWhole }),
      onPayload: (bytes) => stream.write(bytes),
      onTrailers: (headers) => {
        this.#trailers = headers;
      },
      onEnd: () => stream.end(),
    });
  }

  start(keeper: Doorkeeper): void {
    const stream = this.#stream;
    const connection = keeper.admit(this);
    if (connection === undefined) return;
    this.#connection = connection;
    stream.on("wantTrailers", () => {
      if (this.#trailers === undefined) stream.close(constants.NGHTTP2_NO_ERROR);
      else stream.sendTrailers(this.#trailers);
    });
    stream.on("drain", () => connection.onDrain());
    stream.once("close", () => {
      const isClean = stream.rstCode === constants.NGHTTP2_NO_ERROR && this.#reader.isDone;
      keeper.onClose(connection, isClean);
    });
    connection.onBytes(this.#request.head);
    if (this.#request.body.kind === "none") {
      this.#isRequestOver = true;
      stream.resume();
      return;
    }
    stream.on("data", (bytes: Buffer) => this.#onData(bytes));
    stream.on("trailers", (...[, , raw]: unknown[]) => this.#onTrailers(raw as string[]));
    stream.on("end", () => this.#onEnd());
  }

  #onData(bytes: Buffer): void {
    const { body } = this.#request;
    if (this.#isRequestOver || bytes.length === 0) return;
    this.#receivedBytes += bytes.length;
    if (body.kind === "length") {
      // What goes beyond the announced length would be read as another request.
      if (this.#receivedBytes > body.bytes) this.#refuse();
      else this.#connection?.onBytes(bytes);
      return;
    }
    const size = Buffer.from(`${bytes.length.toString(16)}\r\n`, "latin1");
    this.#connection?.onBytes(Buffer.concat([size, bytes, CRLF]));
  }

  /** They come before the end. Behind a body of announced length HTTP/1.1 has no place for them. */
  #onTrailers(raw: readonly string[]): void {
    if (this.#isRequestOver || this.#request.body.kind !== "chunked") return;
    try {
      const end = downgradeTrailers(raw);
      this.#isRequestOver = true;
      this.#connection?.onBytes(end);
    } catch (thrown) {
      if (!(thrown instanceof FramingError)) throw thrown;
      this.#refuse();
    }
  }

  #onEnd(): void {
    const { body } = this.#request;
    if (this.#isRequestOver) return;
    this.#isRequestOver = true;
    if (body.kind === "chunked") this.#connection?.onBytes(LAST_CHUNK);
    else if (body.kind === "length" && this.#receivedBytes < body.bytes) this.#refuse();
  }

  #refuse(): void {
    this.#isRequestOver = true;
    this.#stream.destroy(new Error("the body is not as announced"));
  }

  write(bytes: Uint8Array): number {
    if (this.#stream.destroyed || this.#reader.isDone) return -1;
    if (this.#stream.writableNeedDrain) return 0;
    try {
      this.#reader.take(bytes);
    } catch (thrown) {
      if (!(thrown instanceof FramingError)) throw thrown;
      this.terminate();
      return -1;
    }
    return bytes.length;
  }

  /** The connection has written all it will. */
  end(): void {
    if (this.#reader.isDone || this.#stream.destroyed) return;
    if (this.#reader.isOpenEnded) this.#stream.end();
    else this.terminate();
  }
  shutdown(): void {
    this.end();
  }
  pause(): void {
    this.#stream.pause();
  }
  resume(): void {
    this.#stream.resume();
  }
  /** The client must see that the answer broke off; after a whole one it is only told to send no more. */
  terminate(): void {
    if (this.#stream.destroyed) return;
    // Not `close` with a code: in Bun 1.4.5 that first ends the stream, and the client would take the answer for whole.
    if (this.#reader.isDone) this.#stream.close(constants.NGHTTP2_NO_ERROR);
    else this.#stream.destroy(new Error("the answer broke off"));
  }
}
