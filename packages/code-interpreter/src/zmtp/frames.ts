/** ZMTP 3.0, the wire of ZeroMQ, as far as a client of Jupyter kernels needs it: NULL security, messages, commands. Pure. */
import { faults } from "../faults";

export type Frame = { readonly body: Buffer; readonly hasMore: boolean; readonly isCommand: boolean };

const MORE = 1;
const LONG = 2;
const COMMAND = 4;
export const GREETING_BYTES = 64;

/** Version 3.0 on purpose: subscriptions then are plain messages, which every kernel's library knows. */
export function greeting(): Buffer {
  const bytes = Buffer.alloc(GREETING_BYTES);
  bytes[0] = 0xff;
  bytes[9] = 0x7f;
  bytes[10] = 3;
  bytes.write("NULL", 12, "latin1");
  return bytes;
}

/** @throws Fault `code_bad_frame` when the other side speaks another protocol, or wants a password */
export function checkGreeting(bytes: Buffer): void {
  if (bytes[0] !== 0xff || bytes[9] !== 0x7f || (bytes[10] ?? 0) < 3) throw faults.bad_frame({ why: "not ZMTP 3" });
  const mechanism = bytes.toString("latin1", 12, 32).replace(/\0+$/, "");
  if (mechanism !== "NULL") throw faults.bad_frame({ why: `it wants ${mechanism} security` });
}

export function readyCommand(socketType: "DEALER" | "SUB"): Buffer {
  const property = (name: string, value: string): Buffer => {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(value.length);
    return Buffer.concat([Buffer.of(name.length), Buffer.from(name), size, Buffer.from(value)]);
  };
  const body = [Buffer.from("\x05READY"), property("Socket-Type", socketType)];
  if (socketType === "DEALER") body.push(property("Identity", ""));
  return encodeFrame(Buffer.concat(body), COMMAND);
}

function encodeFrame(body: Buffer, flags: number): Buffer {
  if (body.length < 256) return Buffer.concat([Buffer.of(flags, body.length), body]);
  const head = Buffer.alloc(9);
  head[0] = flags | LONG;
  head.writeBigUInt64BE(BigInt(body.length), 1);
  return Buffer.concat([head, body]);
}

export function encodeMessage(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts.map((part, i) => encodeFrame(part, i < parts.length - 1 ? MORE : 0)));
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;
  readonly #limitBytes: number;
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** Takes exactly that many bytes, or none. */
  take(size: number): Buffer | undefined {
    if (this.#size < size) return undefined;
    const all = this.#joined();
    this.#keep(all.subarray(size));
    return all.subarray(0, size);
  }

  /** The next whole frame. @throws Fault `code_bad_frame` for one larger than the limit */
  next(): Frame | undefined {
    const first = this.#chunks[0];
    if (first === undefined || this.#size < 2) return undefined;
    const all = first.length >= 9 ? first : this.#joined();
    const flags = all[0] ?? 0;
    const headBytes = (flags & LONG) === 0 ? 2 : 9;
    if (this.#size < headBytes) return undefined;
    const size = headBytes === 2 ? (all[1] ?? 0) : Number(all.readBigUInt64BE(1));
    if (size > this.#limitBytes) throw faults.bad_frame({ why: `a frame of ${size} bytes` });
    const bytes = this.take(headBytes + size);
    if (bytes === undefined) return undefined;
    return { body: bytes.subarray(headBytes), hasMore: (flags & MORE) !== 0, isCommand: (flags & COMMAND) !== 0 };
  }

  /** Large frames come in many chunks: they are joined once, when they are whole. */
  #joined(): Buffer {
    const [only, ...more] = this.#chunks;
    const all = more.length === 0 && only !== undefined ? only : Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #keep(rest: Buffer): void {
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#size = rest.length;
  }
}
