/** How long a body is. `close`: until the connection ends; only for answers. */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "close" };

/** The peer does not keep to HTTP/1.1; nothing after this point of its bytes can be trusted. */
export class FramingError extends Error {
  override readonly name = "FramingError";
  /** What a client that did this is answered. */
  readonly status: number;
  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

const EXTENSION_BYTES_MAX = 256;
const TRAILER_BYTES_MAX = 16 * 1024;
const CR = 13;
const LF = 10;

type ChunkPart =
  | "size"
  | "extension"
  | "size_lf"
  | "data"
  | "data_cr"
  | "data_lf"
  | "trailer"
  | "trailer_lf"
  | "end_lf";

/**
 * Finds where a body ends while its bytes pass by unchanged. Strict where leniency would let two servers disagree
 * on the end: sizes are bare hex, lines end in CR LF.
 */
export class BodyScanner {
  isDone: boolean;
  readonly #kind: Framing["kind"];
  #left: number;
  #part: ChunkPart = "size";
  #digits = 0;
  #lineBytes = 0;
  #trailerBytes = 0;
  #trailerText = "";

  constructor(framing: Framing) {
    this.#kind = framing.kind;
    this.#left = framing.kind === "length" ? framing.bytes : 0;
    this.isDone = framing.kind === "none" || (framing.kind === "length" && framing.bytes === 0);
  }

  /** The end of the connection is the end of the body. */
  get isOpenEnded(): boolean {
    return this.#kind === "close";
  }

  /** Header lines after a chunked body. Lines that are none are left out. */
  get trailers(): (readonly [name: string, value: string])[] {
    return this.#trailerText.split("\n").flatMap((line) => {
      const field = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/.exec(line);
      return field === null ? [] : [[field[1] as string, field[2] as string] as const];
    });
  }

  /**
   * @param onPayload gets the content without chunk framing
   * @returns how many bytes from the start of `bytes` belong to the body
   * @throws FramingError
   */
  take(bytes: Uint8Array, onPayload?: (payload: Uint8Array) => void): number {
    if (this.isDone) return 0;
    if (this.#kind === "chunked") return this.#takeChunks(bytes, onPayload);
    const taken = this.#kind === "close" ? bytes.length : Math.min(bytes.length, this.#left);
    if (this.#kind === "length") {
      this.#left -= taken;
      this.isDone = this.#left === 0;
    }
    onPayload?.(taken === bytes.length ? bytes : bytes.subarray(0, taken));
    return taken;
  }

  #takeChunks(bytes: Uint8Array, onPayload?: (payload: Uint8Array) => void): number {
    let at = 0;
    while (at < bytes.length && !this.isDone) {
      if (this.#part !== "data") {
        this.#step(bytes[at] as number);
        at += 1;
        continue;
      }
      const taken = Math.min(bytes.length - at, this.#left);
      onPayload?.(bytes.subarray(at, at + taken));
      at += taken;
      this.#left -= taken;
      if (this.#left === 0) this.#part = "data_cr";
    }
    return at;
  }

  #step(byte: number): void {
    switch (this.#part) {
      case "size":
        this.#size(byte);
        return;
      case "extension":
        if (byte === CR) this.#part = "size_lf";
        else this.#text(byte, EXTENSION_BYTES_MAX);
        return;
      case "size_lf":
        this.#expect(byte, LF);
        this.#part = this.#left === 0 ? "trailer" : "data";
        this.#lineBytes = 0;
        return;
      case "data_cr":
        this.#expect(byte, CR);
        this.#part = "data_lf";
        return;
      case "data_lf":
        this.#expect(byte, LF);
        this.#part = "size";
        this.#digits = 0;
        return;
      case "trailer":
        if (byte === CR) this.#part = this.#lineBytes === 0 ? "end_lf" : "trailer_lf";
        else this.#trailerByte(byte);
        return;
      case "trailer_lf":
        this.#expect(byte, LF);
        this.#part = "trailer";
        this.#trailerBytes += this.#lineBytes;
        this.#lineBytes = 0;
        this.#trailerText += "\n";
        return;
      case "end_lf":
        this.#expect(byte, LF);
        this.isDone = true;
        return;
      case "data":
        return;
    }
  }

  #size(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#digits += 1;
      if (this.#digits > 12) throw new FramingError("chunk size is too long");
      this.#left = this.#left * 16 + digit;
      return;
    }
    if (this.#digits === 0) throw new FramingError("chunk without a size");
    this.#lineBytes = 0;
    if (byte === CR) this.#part = "size_lf";
    else if (byte === 0x3b) this.#part = "extension";
    else throw new FramingError("chunk size is not hex");
  }

  #trailerByte(byte: number): void {
    this.#text(byte, TRAILER_BYTES_MAX);
    this.#trailerText += String.fromCharCode(byte);
  }

  #text(byte: number, maxBytes: number): void {
    if ((byte < 0x20 && byte !== 9) || byte === 0x7f) throw new FramingError("control character in chunk framing");
    this.#lineBytes += 1;
    if (this.#lineBytes + this.#trailerBytes > maxBytes) throw new FramingError("chunk framing is too long");
  }

  #expect(byte: number, wanted: number): void {
    if (byte !== wanted) throw new FramingError("chunk framing is broken");
  }
}

/** Of a message without a body; nothing can change it. */
export const NO_BODY = new BodyScanner({ kind: "none" });

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
