import type { OutgoingHttpHeaders } from "node:http2";
import { BodyScanner, FramingError } from "../http/framing";
import { findResponseEnd, parseResponseHead, type ResponseHead } from "../http/head";
import { responseFraming } from "../http/message";

export type AnswerSink = {
  /** A 1xx answer before the final one. */
  onInterim(headers: OutgoingHttpHeaders): void;
  onHead(headers: OutgoingHttpHeaders, isWhole: boolean): void;
  onPayload(bytes: Uint8Array): void;
  /** Comes before `onEnd`. */
  onTrailers(headers: OutgoingHttpHeaders): void;
  onEnd(): void;
};

/** RFC 9113 §8.2.2. */
const DROPPED = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);
/** May stand once only: implementations of HTTP/2 refuse a list of them. */
const SINGLE = new Set([
  "age",
  "content-length",
  "content-type",
  "date",
  "etag",
  "expires",
  "last-modified",
  "location",
  "retry-after",
  "server",
]);
const NO_BYTES = Buffer.alloc(0);
/** A guest may send more of them than a proxy takes from clients. */
const HEADER_COUNT = 1_024;

/** Reads the HTTP/1.1 answer that a connection writes, to be sent on as HTTP/2. */
export class AnswerReader {
  isDone = false;
  readonly #method: string;
  readonly #sink: AnswerSink;
  #pending: Buffer = NO_BYTES;
  #scanner: BodyScanner | undefined;

  constructor(method: string, sink: AnswerSink) {
    this.#method = method;
    this.#sink = sink;
  }

  /** The end of the connection is the end of the body. */
  get isOpenEnded(): boolean {
    return this.#scanner?.isOpenEnded === true;
  }

  /** @throws FramingError */
  take(bytes: Uint8Array): void {
    let rest = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    while (this.#scanner === undefined) {
      this.#pending = this.#pending.length === 0 ? rest : Buffer.concat([this.#pending, rest]);
      const end = findResponseEnd(this.#pending, 0);
      if (end < 0) return;
      const head = parseResponseHead(this.#pending.subarray(0, end), HEADER_COUNT);
      rest = this.#pending.subarray(end) as Buffer<ArrayBuffer>;
      this.#pending = NO_BYTES;
      if (head.status === 101) throw new FramingError("an upgrade in HTTP/2");
      if (head.status < 200) this.#sink.onInterim(headersOf(head));
      else this.#begin(head);
    }
    if (rest.length === 0 || this.isDone) return;
    this.#scanner.take(rest, (payload) => this.#sink.onPayload(payload));
    if (this.#scanner.isDone) this.#finish(this.#scanner);
  }

  #begin(head: ResponseHead): void {
    this.#scanner = new BodyScanner(responseFraming(head, this.#method));
    this.isDone = this.#scanner.isDone;
    this.#sink.onHead(headersOf(head), this.isDone);
  }

  #finish(scanner: BodyScanner): void {
    this.isDone = true;
    if (scanner.trailers.length > 0) this.#sink.onTrailers(fold(scanner.trailers));
    this.#sink.onEnd();
  }
}

function headersOf(head: ResponseHead): OutgoingHttpHeaders {
  return { ":status": head.status, ...fold(head.headers.lines) };
}

function fold(lines: readonly (readonly [string, string])[]): OutgoingHttpHeaders {
  const folded: Record<string, string | string[]> = {};
  for (const [name, value] of lines) {
    const lower = name.toLowerCase();
    if (DROPPED.has(lower)) continue;
    const before = folded[lower];
    if (before === undefined) folded[lower] = lower === "set-cookie" ? [value] : value;
    else if (Array.isArray(before)) before.push(value);
    else if (!SINGLE.has(lower)) folded[lower] = `${before}, ${value}`;
  }
  return folded;
}
