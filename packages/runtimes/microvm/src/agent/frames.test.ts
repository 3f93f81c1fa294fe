import { describe, expect, it } from "bun:test";
import { encodeFrame, type Frame, FrameReader, MOST_TOLD } from "./frames";

const frame = (id: number, text: string): Frame => ({ id, what: 8, failed: false, payload: Buffer.from(text) });
const textOf = ({ id, payload }: Frame): string => `${id}:${Buffer.from(payload).toString()}`;

/** The same bytes every time: a failure can be looked at again. */
function noise(seed: number, count: number): Uint8Array {
  const out = new Uint8Array(count);
  let state = seed;
  for (let at = 0; at < count; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[at] = state >>> 24;
  }
  return out;
}

describe(FrameReader, () => {
  it("finds whole frames however the stream is cut", () => {
    const stream = Buffer.concat([1, 2, 3].map((id) => encodeFrame(frame(id, "x".repeat(id * 7)))));
    for (const step of [1, 2, 3, 19, 20, 21, 1000]) {
      const reader = new FrameReader();
      const found: Frame[] = [];
      for (let at = 0; at < stream.length; at += step) found.push(...reader.take(stream.subarray(at, at + step)));
      expect(found.map(textOf)).toEqual(["1:xxxxxxx", "2:xxxxxxxxxxxxxx", "3:xxxxxxxxxxxxxxxxxxxxx"]);
    }
  });

  it("goes on behind a frame that another session left half said, at whichever byte", () => {
    const left = encodeFrame(frame(1, "an answer nobody waits for"));
    for (let cut = 0; cut < left.length; cut += 1) {
      const whole = [encodeFrame(frame(2, "mine")), encodeFrame(frame(3, "and mine")), encodeFrame(frame(4, "too"))];
      const reader = new FrameReader();
      const found = reader.take(Buffer.concat([left.subarray(0, cut), ...whole]));
      expect(found.map(textOf)).toEqual(["2:mine", "3:and mine", "4:too"]);
    }
  });

  it("takes no frame with a bit turned over, and the next one after it", () => {
    const good = encodeFrame(frame(9, "whole"));
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      const bad = Buffer.from(good);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      // A length that was made longer waits for more: what fills it up comes with the next messages.
      const reader = new FrameReader();
      const found = reader.take(Buffer.concat([bad, good]));
      for (let more = 0; more < 4 && found.length === 0; more += 1)
        found.push(...reader.take(new Uint8Array(MOST_TOLD / 3)));
      expect(found.map(textOf)).toEqual(["9:whole"]);
    }
  });

  it("takes nothing out of a frame that is under way, once the line is its own", () => {
    const inner = encodeFrame(frame(2, "what the sandbox printed"));
    const outer = encodeFrame({ ...frame(1, ""), payload: Buffer.concat([inner, Buffer.alloc(100)]) });
    const reader = new FrameReader();
    reader.isSearching = false;
    expect(reader.take(outer.subarray(0, -1))).toEqual([]);
    expect(reader.take(outer.subarray(-1)).map(({ id }) => id)).toEqual([1]);
  });

  it("holds no more than one frame of what a hostile guest says, and finds nothing in it", () => {
    const reader = new FrameReader();
    let found = 0;
    for (let seed = 0; seed < 200; seed += 1) {
      const bytes = Buffer.from(noise(seed, 4_000));
      // Marks in the noise, with lengths of any size behind them.
      for (let at = seed % 97; at + 4 < bytes.length; at += 311) bytes.writeUInt32LE(0x31414c53, at);
      found += reader.take(bytes).length;
      expect(reader.heldBytes).toBeLessThanOrEqual(MOST_TOLD + 20 + 4_000);
    }
    expect(found).toBe(0);
  });
});
