import type { Framing } from "./framing";
import type { RequestHead } from "./head";
import type { HeaderList } from "./headers";
import { parseLines } from "./lines";

/**
 * Most heads are of one kind: HTTP/1.1, lines that end in CR LF, nothing in them for one hop alone, and one plain word on the
 * body's length. They are recognised here in one pass over their bytes, without making a string of any of them: on a hop
 * that does little else, strings are what costs. What is in any way unusual, or not all there, is left to the parser, which
 * reads everything that is accepted here in the same way (`glance.test.ts` compares them).
 */
export class PlainRequest implements RequestHead {
  readonly method: string;
  readonly minorVersion = 1;
  readonly isPlain = true;
  readonly framing: Framing;
  /** Where the head ends in the bytes that were looked at, the empty line included. */
  readonly end: number;
  readonly #bytes: Buffer;
  readonly #targetEnd: number;
  readonly #hostAt: number;
  readonly #hostEnd: number;
  readonly #hasConnection: boolean;
  #target: string | undefined;
  #host: string | undefined;
  #headers: HeaderList | undefined;

  constructor(bytes: Buffer, method: string, targetEnd: number) {
    this.method = method;
    this.framing = seen.framing;
    this.end = seen.end;
    this.#bytes = bytes;
    this.#targetEnd = targetEnd;
    this.#hostAt = seen.hostAt;
    this.#hostEnd = seen.hostEnd;
    this.#hasConnection = seen.hasConnection;
  }

  get target(): string {
    this.#target ??= this.#bytes.toString("latin1", this.method.length + 1, this.#targetEnd);
    return this.#target;
  }

  get host(): string {
    this.#host ??= this.#bytes.toString("latin1", this.#hostAt, this.#hostEnd);
    return this.#host;
  }

  get headers(): HeaderList {
    const firstLineEnd = this.#targetEnd + HTTP_1_1_LINE_END.length;
    this.#headers ??= parseLines(
      this.#bytes.toString("latin1", firstLineEnd, this.end - 2),
      0,
      Number.POSITIVE_INFINITY,
    );
    return this.#headers;
  }

  /** Undefined where it names the connection already. */
  get closingBytes(): Buffer | undefined {
    if (this.#hasConnection) return undefined;
    const closing = Buffer.allocUnsafe(this.end + CLOSE_LINE.length);
    this.#bytes.copy(closing, 0, 0, this.end - 2);
    CLOSE_LINE.copy(closing, this.end - 2);
    closing[closing.length - 2] = CR;
    closing[closing.length - 1] = LF;
    return closing;
  }

  get bytes(): Buffer {
    return this.end === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.end);
  }
}

/** An answer's head with nothing in it for one hop alone, but a `Connection: close` perhaps. */
export type PlainResponse = {
  readonly status: number;
  readonly framing: Framing;
  /** Where it ends in the bytes that were looked at. */
  readonly end: number;
  /** Where that line is; -1: nowhere. */
  readonly closeAt: number;
  readonly closeEnd: number;
};

/** The bytes without that line. */
export function withoutClose(bytes: Buffer, { closeAt, closeEnd }: PlainResponse): Buffer {
  if (closeAt < 0) return bytes;
  const without = Buffer.allocUnsafe(bytes.length - (closeEnd - closeAt));
  bytes.copy(without, 0, 0, closeAt);
  bytes.copy(without, closeAt, closeEnd);
  return without;
}

const METHODS = ["GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"].map((name) => ({
  name,
  start: Buffer.from(`${name} `),
}));
const HTTP_1_1_LINE_END = Buffer.from(" HTTP/1.1\r\n");
const CLOSE_LINE = Buffer.from("Connection: close\r\n");
const STATUS_LINE_START = Buffer.from("HTTP/1.1 ");

const NONE: Framing = { kind: "none" };
const CHUNKED: Framing = { kind: "chunked" };

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const SLASH = 47;
const COLON = 58;

/** Bytes by what they may be part of. */
const IN_NAME = bytesThat((text) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(text));
const IN_VALUE = bytesThat((text) => /[\t\x20-\x7e\x80-\xff]/.test(text));
const IN_TARGET = bytesThat((text) => /[\x21-\x7e\x80-\xff]/.test(text));

function bytesThat(fit: (text: string) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (fit(String.fromCharCode(byte)) ? 1 : 0));
}

/** What the last pass over header lines has found. One for all: nothing here waits. */
const seen = {
  end: 0,
  hosts: 0,
  hostAt: 0,
  hostEnd: 0,
  framing: NONE as Framing,
  hasConnection: false,
  closeAt: -1,
  closeEnd: -1,
};

/** @returns undefined when the head is not all there, or not of that kind */
export function glanceAtRequest(
  bytes: Buffer,
  of: { headBytes: number; headerCount: number },
): PlainRequest | undefined {
  const method = methodOf(bytes);
  if (method === undefined) return undefined;
  let at = method.length + 1;
  if (bytes[at] !== SLASH) return undefined;
  while (IN_TARGET[bytes[at] as number] === 1) at += 1;
  const targetEnd = at;
  if (!isAt(bytes, at, HTTP_1_1_LINE_END)) return undefined;
  if (!glanceAtLines(bytes, at + HTTP_1_1_LINE_END.length, of.headerCount)) return undefined;
  if (seen.hosts !== 1 || seen.closeAt >= 0 || seen.end > of.headBytes) return undefined;
  return new PlainRequest(bytes, method, targetEnd);
}

/** @returns undefined as above, and where the answer says nothing of its length */
export function glanceAtResponse(bytes: Buffer, of: { headerCount: number }): PlainResponse | undefined {
  if (!isAt(bytes, 0, STATUS_LINE_START)) return undefined;
  const status = numberAt(bytes, 9, 12);
  if (status < 200 || status === 204 || status === 304 || bytes[12] !== SPACE) return undefined;
  let at = 13;
  while (IN_VALUE[bytes[at] as number] === 1) at += 1;
  if (bytes[at] !== CR || bytes[at + 1] !== LF || !glanceAtLines(bytes, at + 2, of.headerCount)) return undefined;
  const { framing, end, closeAt, closeEnd } = seen;
  return framing === NONE ? undefined : { status, framing, end, closeAt, closeEnd };
}

/** @returns whether all lines are there and plain; what they say is in `seen` */
function glanceAtLines(bytes: Buffer, from: number, countMax: number): boolean {
  seen.hosts = 0;
  seen.framing = NONE;
  seen.hasConnection = false;
  seen.closeAt = -1;
  let at = from;
  for (let count = 0; bytes[at] !== CR; count += 1) {
    const nameAt = at;
    while (IN_NAME[bytes[at] as number] === 1) at += 1;
    const nameEnd = at;
    if (nameEnd === nameAt || bytes[at] !== COLON || count === countMax) return false;
    at += 1;
    while (IN_VALUE[bytes[at] as number] === 1) at += 1;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return false;
    if (MEANT[nameEnd - nameAt] === 1 && !takeLine(bytes, nameAt, nameEnd, at)) return false;
    at += 2;
  }
  seen.end = at + 2;
  return bytes[at + 1] === LF;
}

const HOST = Buffer.from("host");
const CONNECTION = Buffer.from("connection");
const CONTENT_LENGTH = Buffer.from("content-length");
const TRANSFER_ENCODING = Buffer.from("transfer-encoding");
const KEEP_ALIVE_VALUE = Buffer.from("keep-alive");
const CLOSE_VALUE = Buffer.from("close");
const CHUNKED_VALUE = Buffer.from("chunked");
/** Only the parser knows what to do about them. */
const OTHERS = ["upgrade", "keep-alive", "proxy-connection", "http2-settings"].map((name) => Buffer.from(name));
/** 1 where a name of this length may mean something here. */
const MEANT = new Uint8Array(18);
for (const { length } of [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, ...OTHERS]) MEANT[length] = 1;

/** @returns whether a line, should it mean something here, says it in the plainest way */
function takeLine(bytes: Buffer, nameAt: number, nameEnd: number, lineEnd: number): boolean {
  let at = nameEnd + 1;
  let end = lineEnd;
  while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at += 1;
  while (end > at && (bytes[end - 1] === SPACE || bytes[end - 1] === TAB)) end -= 1;
  if (isName(bytes, nameAt, nameEnd, HOST)) {
    seen.hosts += 1;
    seen.hostAt = at;
    seen.hostEnd = end;
    return true;
  }
  if (isName(bytes, nameAt, nameEnd, CONNECTION)) {
    if (seen.hasConnection) return false;
    seen.hasConnection = true;
    if (end - at === 10 && isAt(bytes, at, KEEP_ALIVE_VALUE)) return true;
    if (end - at !== 5 || !isAt(bytes, at, CLOSE_VALUE)) return false;
    seen.closeAt = nameAt;
    seen.closeEnd = lineEnd + 2;
    return true;
  }
  if (isName(bytes, nameAt, nameEnd, CONTENT_LENGTH)) {
    const length = numberAt(bytes, at, end);
    if (length < 0 || seen.framing !== NONE) return false;
    seen.framing = { kind: "length", bytes: length };
    return true;
  }
  if (isName(bytes, nameAt, nameEnd, TRANSFER_ENCODING)) {
    if (seen.framing !== NONE || end - at !== 7 || !isAt(bytes, at, CHUNKED_VALUE)) return false;
    seen.framing = CHUNKED;
    return true;
  }
  for (const name of OTHERS) if (isName(bytes, nameAt, nameEnd, name)) return false;
  return true;
}

function methodOf(bytes: Buffer): string | undefined {
  for (const { name, start } of METHODS) if (isAt(bytes, 0, start)) return name;
  return undefined;
}

function isAt(bytes: Buffer, from: number, wanted: Buffer): boolean {
  for (let at = 0; at < wanted.length; at += 1) if (bytes[from + at] !== wanted[at]) return false;
  return true;
}

/** @param wanted in lower case, letters, digits and hyphens only */
function isName(bytes: Buffer, from: number, end: number, wanted: Buffer): boolean {
  if (end - from !== wanted.length) return false;
  for (let at = 0; at < wanted.length; at += 1) {
    const byte = bytes[from + at] as number;
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== wanted[at]) return false;
  }
  return true;
}

/** @returns -1 when it is no number of at most 15 digits */
function numberAt(bytes: Buffer, from: number, end: number): number {
  if (end <= from || end - from > 15) return -1;
  let number = 0;
  for (let at = from; at < end; at += 1) {
    const digit = (bytes[at] as number) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return -1;
    number = number * 10 + digit;
  }
  return number;
}
