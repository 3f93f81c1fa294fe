/** A streaming reader of multipart bodies (RFC 2046 §5.1): one part at a time, nothing held but a chunk and a boundary. */
import { fileFaults } from "./faults";
import type { Chunks } from "./gzip";
import { BOUNDARY_BYTES, MULTIPART_PARTS, PART_HEADERS_BYTES } from "./limits";
import { parseHeaderValue } from "./part-headers";

export type Part = {
  /** Name of the form field; undefined when the part has none. */
  readonly name: string | undefined;
  /** As sent, directories included. */
  readonly filename: string | undefined;
  /** The part's bytes; what is not read is skipped when the next part is asked for. */
  readonly chunks: AsyncGenerator<Buffer>;
};

/** @throws Fault `files_bad_request` when the header names no usable boundary */
export function boundaryOf(contentType: string): string {
  const boundary = parseHeaderValue(contentType).parameters.get("boundary");
  if (boundary === undefined || boundary === "" || boundary.length > BOUNDARY_BYTES) {
    throw fileFaults.bad_request({ problem: "multipart body has no usable boundary" });
  }
  return boundary;
}

/** @throws Fault `files_bad_request` for a body that is no multipart or ends too early; errors of `source` as they are */
export async function* readParts(source: Chunks, boundary: string): AsyncGenerator<Part> {
  const scanner = new Scanner(source);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  // The first delimiter need not follow a line break; one put in front makes it like all others.
  scanner.unread(Buffer.from("\r\n"));
  for await (const _ of scanner.until(delimiter)) {
    // Text before the first delimiter means nothing.
  }
  for (let count = 0; ; count += 1) {
    if (count === MULTIPART_PARTS) throw malformed(`more than ${MULTIPART_PARTS} parts`);
    if (await isLastDelimiter(scanner)) return;
    const headers = await readPartHeaders(scanner);
    const disposition = parseHeaderValue(headers.get("content-disposition") ?? "");
    const chunks = scanner.until(delimiter);
    yield {
      name: disposition.parameters.get("name"),
      filename: disposition.parameters.get("filename"),
      chunks,
    };
    for await (const _ of chunks) {
      // Skips what the caller left.
    }
  }
}

/** Behind a delimiter stands `--` for the end, else optional blanks and a line break. */
async function isLastDelimiter(scanner: Scanner): Promise<boolean> {
  const line = await scanner.line(BOUNDARY_BYTES);
  if (line.startsWith("--")) return true;
  if (line.trim() !== "") throw malformed("text behind a boundary");
  return false;
}

async function readPartHeaders(scanner: Scanner): Promise<ReadonlyMap<string, string>> {
  const headers = new Map<string, string>();
  for (let left = PART_HEADERS_BYTES; ; ) {
    const line = await scanner.line(left);
    if (line === "") return headers;
    left -= line.length;
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
}

/** Reads a chunk source up to marks; keeps no more than one chunk and the length of a mark. */
class Scanner {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: Chunks) {
    this.#source = source[Symbol.asyncIterator]();
  }

  unread(bytes: Buffer): void {
    this.#held = Buffer.concat([bytes, this.#held]);
  }

  /** Passes on what stands before `mark` and takes the mark itself. Abandoning it keeps the place. */
  until(mark: Buffer): AsyncGenerator<Buffer> {
    return this.#pieces(mark);
  }

  async *#pieces(mark: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at !== -1) {
        const last = this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + mark.length);
        if (last.length > 0) yield last;
        return;
      }
      const safe = this.#held.length - mark.length + 1;
      if (safe > 0) {
        const piece = this.#held.subarray(0, safe);
        this.#held = this.#held.subarray(safe);
        yield piece;
      }
      await this.#more();
    }
  }

  /** The text up to the next CRLF, which is taken too. */
  async line(maxBytes: number): Promise<string> {
    for (;;) {
      const at = this.#held.indexOf("\r\n");
      if (at > maxBytes || (at === -1 && this.#held.length > maxBytes + 2)) throw malformed("a header is too long");
      if (at !== -1) {
        const line = this.#held.subarray(0, at).toString("utf8");
        this.#held = this.#held.subarray(at + 2);
        return line;
      }
      // The closing delimiter may be the very end of the body, without a line break.
      if (!(await this.#tryMore())) {
        const rest = this.#held.toString("latin1");
        if (!rest.startsWith("--")) throw malformed("unexpected end");
        this.#held = Buffer.alloc(0);
        return rest;
      }
    }
  }

  async #more(): Promise<void> {
    if (!(await this.#tryMore())) throw malformed("unexpected end");
  }

  async #tryMore(): Promise<boolean> {
    const { value, done } = await this.#source.next();
    if (done) return false;
    const chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    return true;
  }
}

function malformed(problem: string): Error {
  return fileFaults.bad_request({ problem: `error parsing multipart body: ${problem}` });
}
