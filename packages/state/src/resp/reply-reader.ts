/** What Redis answered with `-`: the command was understood and refused, and the connection is fine. */
export class RedisError extends Error {
  override readonly name = "RedisError";
}

/** No reply by the protocol's rules: nothing that follows can be told apart any more, so the connection has to end. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

type Frame = { readonly items: unknown[]; left: number };
/** Only strings are long, and they say how long they are beforehand. */
const LINE_BYTES_MAX = 65_536;
const CR = 13;
const LF = 10;

/**
 * Takes a stream of RESP2 replies apart, wherever it is cut. Strings, numbers, null, arrays of them, and `RedisError` for a
 * refusal. Each byte is looked at about once, however many pieces a long reply comes in.
 */
export class ReplyReader {
  readonly #pieces: Buffer[] = [];
  #heldBytes = 0;
  /** With fewer bytes than this the next element is not whole. */
  #neededBytes = 1;
  /** Arrays that have begun, outermost first. */
  readonly #open: Frame[] = [];

  /**
   * @returns the replies that are whole now, in order
   * @throws ProtocolError
   */
  push(piece: Uint8Array): unknown[] {
    this.#heldBytes += piece.byteLength;
    if (this.#heldBytes < this.#neededBytes) {
      this.#pieces.push(Buffer.from(piece)); // a copy: the memory may be the socket's to use again
      return [];
    }
    const bytes = Buffer.concat([...this.#pieces.splice(0), piece]);
    const replies: unknown[] = [];
    let at = 0;
    this.#neededBytes = 1;
    while (at < bytes.length) {
      const next = this.#element(bytes, at, replies);
      if (next === undefined) break;
      at = next;
    }
    this.#heldBytes = bytes.length - at;
    if (this.#heldBytes > 0) this.#pieces.push(bytes.subarray(at));
    return replies;
  }

  /** @returns where the next element begins; undefined when this one is not whole yet */
  #element(bytes: Buffer, at: number, replies: unknown[]): number | undefined {
    const end = bytes.indexOf(LF, at);
    if (end < 0) {
      if (bytes.length - at > LINE_BYTES_MAX) throw new ProtocolError("a line without an end");
      this.#neededBytes = bytes.length - at + 1;
      return undefined;
    }
    if (bytes[end - 1] !== CR || end - at < 2) throw new ProtocolError("a line that does not end as it must");
    const mark = String.fromCharCode(bytes[at] as number);
    const line = bytes.toString("utf8", at + 1, end - 1);
    const next = end + 1;
    switch (mark) {
      case "+":
        this.#take(line, replies);
        return next;
      case "-":
        this.#take(new RedisError(line), replies);
        return next;
      case ":":
        this.#take(wholeNumber(line), replies);
        return next;
      case "$":
        return this.#string(bytes, { at, next, length: wholeNumber(line) }, replies);
      case "*":
        this.#array(wholeNumber(line), replies);
        return next;
      default:
        throw new ProtocolError(`a reply of unknown kind ${JSON.stringify(mark)}`);
    }
  }

  #string(bytes: Buffer, of: { at: number; next: number; length: number }, replies: unknown[]): number | undefined {
    const { at, next, length } = of;
    if (length === -1) {
      this.#take(null, replies);
      return next;
    }
    if (length < 0) throw new ProtocolError(`a string of ${length} bytes`);
    const end = next + length;
    if (bytes.length < end + 2) {
      this.#neededBytes = end + 2 - at;
      return undefined;
    }
    if (bytes[end] !== CR || bytes[end + 1] !== LF) throw new ProtocolError("a string longer than it said");
    this.#take(bytes.toString("utf8", next, end), replies);
    return end + 2;
  }

  #array(length: number, replies: unknown[]): void {
    if (length > 0) this.#open.push({ items: [], left: length });
    else if (length === 0) this.#take([], replies);
    else if (length === -1) this.#take(null, replies);
    else throw new ProtocolError(`an array of ${length} elements`);
  }

  /** Puts a value where it belongs, and every array that is full with it. */
  #take(value: unknown, replies: unknown[]): void {
    let whole = value;
    for (;;) {
      const frame = this.#open.at(-1);
      if (frame === undefined) {
        replies.push(whole);
        return;
      }
      frame.items.push(whole);
      frame.left -= 1;
      if (frame.left > 0) return;
      this.#open.pop();
      whole = frame.items;
    }
  }
}

function wholeNumber(text: string): number {
  if (!/^[+-]?\d{1,19}$/.test(text)) throw new ProtocolError(`not a number: ${JSON.stringify(text.slice(0, 40))}`);
  return Number(text);
}
