import { describe, expect, it } from "bun:test";
import { BodyScanner, FramingError } from "./framing";

const CHUNKED = "5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n";

function scan(text: string, pieceBytes: number): { taken: number; payload: string; isDone: boolean } {
  const scanner = new BodyScanner({ kind: "chunked" });
  const bytes = Buffer.from(text, "latin1");
  let taken = 0;
  let payload = "";
  for (let at = 0; at < bytes.length && !scanner.isDone; at += pieceBytes) {
    taken += scanner.take(bytes.subarray(at, at + pieceBytes), (part) => {
      payload += Buffer.from(part).toString("latin1");
    });
  }
  return { taken, payload, isDone: scanner.isDone };
}

describe(BodyScanner, () => {
  it("finds the end of chunks wherever they are torn, and leaves what follows", () => {
    for (let pieceBytes = 1; pieceBytes <= CHUNKED.length + 8; pieceBytes += 1) {
      const found = scan(`${CHUNKED}GET / HT`, pieceBytes);
      expect(found).toEqual({ taken: CHUNKED.length, payload: "hello0123456789", isDone: true });
    }
  });

  it("is not done before the last byte", () => {
    for (let length = 0; length < CHUNKED.length; length += 1) {
      expect(scan(CHUNKED.slice(0, length), 7).isDone).toBe(false);
    }
  });

  it("counts a length and leaves what follows", () => {
    const scanner = new BodyScanner({ kind: "length", bytes: 5 });
    expect(scanner.take(Buffer.from("hel"))).toBe(3);
    expect(scanner.take(Buffer.from("lo, world"))).toBe(2);
    expect(scanner.isDone).toBe(true);
  });

  it("takes everything until the connection ends, or nothing", () => {
    const open = new BodyScanner({ kind: "close" });
    expect([open.take(Buffer.from("abc")), open.isDone]).toEqual([3, false]);
    const none = new BodyScanner({ kind: "none" });
    expect([none.take(Buffer.from("abc")), none.isDone]).toEqual([0, true]);
  });

  it("throws at the first byte that is out of place", () => {
    for (const text of ["g", "\r\n", "5\n", "5 \r\n", "1\r\nab", "1\r\na\n", "0\r\n\r\r", "5;\0"]) {
      expect(() => scan(text, 1)).toThrow(FramingError);
    }
  });
});
