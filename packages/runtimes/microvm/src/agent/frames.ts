/** Messages on the line to a guest's agent, as `guest/frame.h` has them. What comes back is a stranger's: bounded and checked. */
import { crc32 } from "node:zlib";

const MARK = 0x31414c53;
const HEAD_BYTES = 20;
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

/** Finds whole frames in a stream that may begin, and be cut, anywhere. Holds at most one frame's bytes. */
export class FrameReader {
  #held: Buffer = Buffer.alloc(0);

  /** @returns the frames that these bytes complete; what is none is dropped */
  take(bytes: Uint8Array): Frame[] {
    this.#held = Buffer.concat([this.#held, bytes]);
    const found: Frame[] = [];
    for (;;) {
      const next = this.#next();
      if (next === undefined) return found;
      if (next !== "dropped") found.push(next);
    }
  }

  #next(): Frame | "dropped" | undefined {
    const held = this.#held;
    const at = held.indexOf(MARK_BYTES);
    if (at !== 0) {
      // The mark may have begun in the last three bytes.
      const keepFrom = at > 0 ? at : Math.max(0, held.length - 3);
      this.#held = held.subarray(keepFrom);
      return at > 0 ? "dropped" : undefined;
    }
    if (held.length < HEAD_BYTES) return undefined;
    const length = held.readUInt32LE(12);
    if (length > MOST_TOLD) return this.#drop();
    const end = HEAD_BYTES + length;
    if (held.length < end) return undefined;
    const whole = Buffer.from(held.subarray(0, end));
    const sum = whole.readUInt32LE(16);
    whole.writeUInt32LE(0, 16);
    if (crc32(whole) !== sum) return this.#drop();
    this.#held = held.subarray(end);
    return {
      id: whole.readUInt32LE(4),
      what: whole.readUInt16LE(8),
      failed: whole.readUInt16LE(10) !== 0,
      payload: whole.subarray(HEAD_BYTES),
    };
  }

  #drop(): "dropped" {
    this.#held = this.#held.subarray(1);
    return "dropped";
  }
}
