/** Messages on the line to a guest's agent, as `guest/frame.h` has them. What comes back is a stranger's: bounded and checked. */
import { crc32 } from "node:zlib";

const MARK = 0x31414c53;
const HEAD_BYTES = 20;
const SUM_AT = 16;
const NO_SUM = new Uint8Array(4);
const MARK_BYTES = Buffer.from([0x53, 0x4c, 0x41, 0x31]);
/** Most that comes with an answer; the guest's own bound is the same. */
export const MOST_TOLD = 65_536;
export const MOST_ASKED = 4_096;

export type Frame = {
  readonly id: number;
  readonly what: number;
  /** Of an answer: the payload says why. */
  readonly failed: boolean;
  readonly payload: Uint8Array;
};

export function encodeFrame(frame: Frame): Uint8Array {
  const out = Buffer.alloc(HEAD_BYTES + frame.payload.length);
  out.writeUInt32LE(MARK, 0);
  out.writeUInt32LE(frame.id, 4);
  out.writeUInt16LE(frame.what, 8);
  out.writeUInt16LE(frame.failed ? 1 : 0, 10);
  out.writeUInt32LE(frame.payload.length, 12);
  out.set(frame.payload, HEAD_BYTES);
  out.writeUInt32LE(crc32(out), 16); // the sum's own field is still zero
  return out;
}

/**
 * Fills any message that another session left half said: the agent finds its sum wrong, and looks for a mark behind it.
 * As long as the longest request.
 */
export const FILLER = new Uint8Array(HEAD_BYTES + MOST_ASKED);

/** Finds whole frames in a stream that may begin, and be cut, anywhere. Holds at most one frame's bytes and what came last. */
export class FrameReader {
  /**
   * True until the line is known to be one's own: a frame that seems to be under way may then be half of an old one, and
   * whole ones are looked for behind it. False after that, since a frame may hold another one's bytes.
   */
  isSearching = true;
  #held: Buffer = Buffer.alloc(0);

  get heldBytes(): number {
    return this.#held.length;
  }

  /** @returns the frames that these bytes complete; what is none is dropped */
  take(bytes: Uint8Array): Frame[] {
    this.#held = Buffer.concat([this.#held, bytes]);
    const found: Frame[] = [];
    for (let next = this.#next(); next !== undefined; next = this.#next()) found.push(next);
    return found;
  }

  #next(): Frame | undefined {
    const held = this.#held;
    let keepFrom: number | undefined;
    for (let at = held.indexOf(MARK_BYTES); at >= 0; at = held.indexOf(MARK_BYTES, at + 1)) {
      const found = frameAt(held, at);
      if (typeof found === "object") {
        this.#held = held.subarray(at + HEAD_BYTES + found.payload.length);
        return found;
      }
      if (found === "none") continue;
      keepFrom ??= at;
      if (!this.isSearching) break;
    }
    // The mark may have begun in the last three bytes.
    this.#held = held.subarray(keepFrom ?? Math.max(0, held.length - 3));
    return undefined;
  }
}

/** Over all of it, its own field as zero. */
const sumOf = (whole: Buffer): number =>
  crc32(whole.subarray(HEAD_BYTES), crc32(NO_SUM, crc32(whole.subarray(0, SUM_AT))));

function frameAt(held: Buffer, at: number): Frame | "none" | "under way" {
  if (held.length - at < HEAD_BYTES) return "under way";
  const length = held.readUInt32LE(at + 12);
  if (length > MOST_TOLD) return "none";
  const end = at + HEAD_BYTES + length;
  if (held.length < end) return "under way";
  const whole = held.subarray(at, end);
  if (sumOf(whole) !== whole.readUInt32LE(SUM_AT)) return "none";
  return {
    id: whole.readUInt32LE(4),
    what: whole.readUInt16LE(8),
    failed: whole.readUInt16LE(10) !== 0,
    payload: Buffer.from(whole.subarray(HEAD_BYTES)),
  };
}
