import type { IncomingMessage } from "node:http";
import { fileRequest, type Guest } from "../guest";
import { limits } from "../limits";
import { ofHttp } from "./status";

/** Reads a file at any place, a large piece at a time: SFTP clients ask for many small ones in a row. */
export class FileReader {
  readonly #guest: Guest;
  readonly #path: string;
  /** By index, oldest first. */
  readonly #pieces = new Map<number, Promise<Buffer>>();

  constructor(guest: Guest, path: string) {
    this.#guest = guest;
    this.#path = path;
  }

  /** @returns fewer bytes than asked for where the piece or the file ends; none beyond its end */
  async read(offset: number, length: number): Promise<Buffer> {
    const index = Math.floor(offset / limits.readPieceBytes);
    const piece = await this.#piece(index);
    const from = offset - index * limits.readPieceBytes;
    const bytes = piece.subarray(from, from + length);
    // The next one is wanted soon: whoever reads in order does not wait for it.
    if (piece.length === limits.readPieceBytes) void this.#piece(index + 1).catch(() => undefined);
    return bytes;
  }

  #piece(index: number): Promise<Buffer> {
    const known = this.#pieces.get(index);
    if (known !== undefined) return known;
    const fetched = this.#fetch(index * limits.readPieceBytes);
    this.#pieces.set(index, fetched);
    fetched.catch(() => this.#pieces.delete(index));
    for (const old of this.#pieces.keys()) {
      if (this.#pieces.size <= limits.readPieces) break;
      this.#pieces.delete(old);
    }
    return fetched;
  }

  async #fetch(from: number): Promise<Buffer> {
    const { request, answer } = fileRequest(this.#guest, {
      method: "GET",
      path: this.#path,
      headers: { Range: `bytes=${from}-${from + limits.readPieceBytes - 1}` },
    });
    request.end();
    const response = await answer;
    if (response.statusCode === 416) {
      response.resume();
      return Buffer.alloc(0);
    }
    const whole = response.statusCode === 200; // files of unknown size, as in /proc, have no ranges
    const body = await readBody(response, whole ? from + limits.readPieceBytes : limits.readPieceBytes);
    if (!whole && response.statusCode !== 206) throw ofHttp(response.statusCode ?? 0, body.toString("utf8"));
    return whole ? body.subarray(from) : body;
  }
}

/** As far as `maxBytes`; the rest is not waited for. */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part);
    sizeBytes += part.length;
    if (sizeBytes >= maxBytes) break;
  }
  return Buffer.concat(parts).subarray(0, maxBytes);
}
