import { describe, expect, test } from "bun:test";
import { checkGreeting, encodeMessage, type Frame, FrameReader, greeting, readyCommand } from "./frames";

function framesOf(bytes: Buffer, pieceBytes: number): Frame[] {
  const reader = new FrameReader(1 << 20);
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    reader.push(bytes.subarray(at, at + pieceBytes));
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame);
  }
  return frames;
}

describe(FrameReader, () => {
  const parts = [Buffer.from("short"), Buffer.alloc(0), Buffer.alloc(70_000, 7), Buffer.from("end")];
  for (const pieceBytes of [1, 2, 9, 1000, 1 << 20]) {
    test(`gives the same frames from pieces of ${pieceBytes} bytes`, () => {
      const frames = framesOf(Buffer.concat([encodeMessage(parts), encodeMessage([Buffer.from("next")])]), pieceBytes);
      expect(frames.map(({ body }) => body.length)).toEqual([5, 0, 70_000, 3, 4]);
      expect(frames.map(({ hasMore }) => hasMore)).toEqual([true, true, true, false, false]);
      expect(frames[2]?.body.every((byte) => byte === 7)).toBe(true);
    });
  }

  test("knows commands from messages", () => {
    const [frame] = framesOf(readyCommand("SUB"), 4);
    expect(frame?.isCommand).toBe(true);
    expect(frame?.body.toString("latin1")).toContain("READY");
  });

  test("refuses a frame beyond its limit before it is there", () => {
    const reader = new FrameReader(100);
    reader.push(encodeMessage([Buffer.alloc(300)]).subarray(0, 20));
    expect(() => reader.next()).toThrow("frame of 300 bytes");
  });
});

describe(checkGreeting, () => {
  test("takes our own and refuses what is not ZMTP 3 without a password", () => {
    expect(() => checkGreeting(greeting())).not.toThrow();
    expect(() => checkGreeting(Buffer.alloc(64))).toThrow("not ZMTP 3");
    const curve = greeting();
    curve.fill(0, 12, 32);
    curve.write("CURVE", 12, "latin1");
    expect(() => checkGreeting(curve)).toThrow("CURVE");
  });
});
