/** The server name of a TLS ClientHello. Pure; RFC 8446 §4.1.2, RFC 6066 §3. */

export type Hello =
  | "more" // not all there
  | "not_tls"
  /** `serverName` as it was sent; undefined when there is none, or more than one, or not text. */
  | { readonly serverName: string | undefined };

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;

export function readClientHello(bytes: Buffer): Hello {
  const message = joinRecords(bytes);
  if (typeof message === "string") return message;
  const read = new Reader(message);
  if (read.byte() !== CLIENT_HELLO) return "not_tls";
  if (message.length < 4 + message.readUIntBE(1, 3)) return "more";
  try {
    return { serverName: serverNameIn(new Reader(message.subarray(4, 4 + message.readUIntBE(1, 3)))) };
  } catch {
    return "not_tls";
  }
}

/** The handshake bytes that are there, without record headers: a hello may be spread over several records. */
function joinRecords(bytes: Buffer): Buffer | "more" | "not_tls" {
  const parts: Buffer[] = [];
  let joined = 0;
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== HANDSHAKE) return "not_tls";
    if (bytes.length > at + 1 && bytes[at + 1] !== 3) return "not_tls";
    if (bytes.length < at + 5) break;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > 16_384) return "not_tls";
    const part = bytes.subarray(at + 5, at + 5 + length);
    parts.push(part);
    joined += part.length;
    const whole = Buffer.concat(parts);
    if (joined >= 4 && joined >= 4 + whole.readUIntBE(1, 3)) return whole;
    at += 5 + length;
  }
  const sofar = Buffer.concat(parts);
  return sofar.length > 0 && sofar[0] !== CLIENT_HELLO ? "not_tls" : sofar.length >= 4 ? sofar : "more";
}

function serverNameIn(hello: Reader): string | undefined {
  hello.skip(2 + 32); // version, random
  hello.skip(hello.byte()); // session id
  hello.skip(hello.short()); // cipher suites
  hello.skip(hello.byte()); // compression
  if (hello.isDone) return undefined;
  const extensions = hello.part(hello.short());
  let found: string | undefined;
  let count = 0;
  while (!extensions.isDone) {
    const type = extensions.short();
    const body = extensions.part(extensions.short());
    if (type !== SERVER_NAME) continue;
    const list = body.part(body.short());
    while (!list.isDone) {
      const kind = list.byte();
      const name = list.part(list.short());
      if (kind !== HOST_NAME) continue;
      count += 1;
      found = name.text();
    }
  }
  return count === 1 ? found : undefined;
}

/** @throws RangeError beyond the end */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  get isDone(): boolean {
    return this.#at >= this.#bytes.length;
  }
  byte(): number {
    this.skip(1);
    return this.#bytes[this.#at - 1] ?? 0;
  }
  short(): number {
    this.skip(2);
    return this.#bytes.readUInt16BE(this.#at - 2);
  }
  part(length: number): Reader {
    this.skip(length);
    return new Reader(this.#bytes.subarray(this.#at - length, this.#at));
  }
  skip(length: number): void {
    if (this.#at + length > this.#bytes.length) throw new RangeError("the hello ends too soon");
    this.#at += length;
  }
  text(): string {
    return this.#bytes.toString("latin1");
  }
}
