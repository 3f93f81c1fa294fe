/**
 * The requests of one connection, read one by one and written anew: every head is checked against the one name the
 * connection is for and gets its headers set. Answers are nobody's business here and pass by.
 */
import {
  BodyScanner,
  FramingError,
  findRequestEnd,
  parseRequestHead,
  type RequestHead,
  requestFraming,
  wantedUpgrade,
  writeRequestHead,
} from "@sandlot/proxy/http";
import { limits } from "../limits";
import { nameOfHost } from "../peek/peek";

type Line = readonly [name: string, value: string];

/** Why a connection ends before its time; said to the guest in a fixed text, and in the log. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  /** For the log. */
  readonly reason: string;
  /** The name that was asked for, where that is the reason. */
  readonly host: string | undefined;
  constructor(of: { status: number; reason: string; say: string; host?: string | undefined }) {
    super(of.say);
    this.status = of.status;
    this.reason = of.reason;
    this.host = of.host;
  }
}

export type RequestStreamParts = {
  /** The only name requests may be for; canonical. */
  readonly name: string;
  /** What to set on the next request. May throw Refusal. */
  readonly headers: () => readonly Line[] | Promise<readonly Line[]>;
  /** Takes what goes on to the server. */
  readonly forward: (bytes: Uint8Array) => void;
  /** A request was rewritten and goes out now. */
  readonly onRequest: (head: RequestHead) => void;
};

export class RequestStream {
  readonly #parts: RequestStreamParts;
  #held: Buffer = Buffer.alloc(0);
  #looked = 0;
  #body: BodyScanner | undefined;
  /** After a request that wants another protocol nothing is sent on until the server has said yes or no. */
  #mode: "http" | "waiting" | "raw" = "http";
  #isBusy = false;

  constructor(parts: RequestStreamParts) {
    this.#parts = parts;
  }

  /** How much waits here; beyond `limits.heldBytes` the caller should pause the source. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** Whether the server is to say first if the protocol changes. */
  get isWaiting(): boolean {
    return this.#mode === "waiting";
  }

  /** @throws Refusal, FramingError: what has not been forwarded by then never is */
  async take(bytes: Buffer): Promise<void> {
    if (this.#mode === "raw" && this.#held.length === 0) {
      this.#parts.forward(bytes);
      return;
    }
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    await this.#go();
  }

  /** The server's first bytes after a request that wants another protocol. */
  async answered(bytes: Buffer): Promise<void> {
    if (this.#mode !== "waiting") return;
    this.#mode = /^HTTP\/1\.1 101[ \r\n]/.test(bytes.toString("latin1", 0, 16)) ? "raw" : "http";
    await this.#go();
  }

  async #go(): Promise<void> {
    if (this.#isBusy) return; // whoever is at it goes on with what was added
    this.#isBusy = true;
    try {
      while (this.#held.length > 0 && (await this.#step()));
    } finally {
      this.#isBusy = false;
    }
  }

  /** @returns false when nothing more can be done with what is there */
  async #step(): Promise<boolean> {
    if (this.#mode === "waiting") return false;
    if (this.#mode === "raw") {
      this.#parts.forward(this.#held);
      this.#held = Buffer.alloc(0);
      return false;
    }
    if (this.#body !== undefined) {
      const taken = this.#body.take(this.#held);
      if (taken > 0) this.#parts.forward(this.#held.subarray(0, taken));
      this.#held = this.#held.subarray(taken);
      if (this.#body.isDone) this.#body = undefined;
      return true;
    }
    return await this.#head();
  }

  async #head(): Promise<boolean> {
    // Empty lines before a request are passed over (RFC 9112 §2.2).
    while (this.#held.length >= 2 && this.#held[0] === 13 && this.#held[1] === 10) this.#held = this.#held.subarray(2);
    const end = findRequestEnd(this.#held, this.#looked);
    if (end < 0) {
      if (this.#held.length > limits.headBytes) throw new FramingError("the head is too large", 431);
      this.#looked = this.#held.length;
      return false;
    }
    const head = parseRequestHead(this.#held.subarray(0, end), limits.headLines);
    if (nameOfHost(head.host) !== this.#parts.name)
      throw new Refusal({
        status: 421,
        reason: "host_mismatch",
        say: "this connection is for another host",
        host: head.host,
      });
    const framing = requestFraming(head);
    const upgrade = wantedUpgrade(head.headers);
    const set = await this.#parts.headers();
    this.#held = this.#held.subarray(end);
    this.#looked = 0;
    this.#parts.onRequest(head);
    const closes = head.headers.tokens("Connection").includes("close");
    const keepAlive = !closes && (head.minorVersion === 1 || head.headers.tokens("Connection").includes("keep-alive"));
    this.#parts.forward(writeRequestHead(head, { host: head.host, set, upgrade, keepAlive }));
    const body = new BodyScanner(framing);
    if (!body.isDone) this.#body = body;
    if (upgrade !== undefined && body.isDone) this.#mode = "waiting";
    return true;
  }
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  502: "Bad Gateway",
};

/** An answer of our own; says nothing but what is fixed here. */
export function ownAnswer(status: number, text: string): Buffer {
  const body = `sandlot egress: ${text}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? "Error"}`,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Cache-Control: no-store",
    "Connection: close",
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
