import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { encodeCommand } from "./encode";
import { ProtocolError, RedisError, ReplyReader } from "./reply-reader";

type Reply = string | number | null | RedisError | Reply[];

/** As Redis writes it, told on its own. */
function write(reply: Reply): string {
  if (reply === null) return "$-1\r\n";
  if (typeof reply === "number") return `:${reply}\r\n`;
  if (typeof reply === "string") return `$${new TextEncoder().encode(reply).length}\r\n${reply}\r\n`;
  if (reply instanceof RedisError) return `-${reply.message}\r\n`;
  return `*${reply.length}\r\n${reply.map(write).join("")}`;
}

const { reply: aReply } = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("", "\r\n", "$-1\r\n", "*2\r\n"),
    fc.maxSafeInteger(),
    fc.constant(null),
    fc.constant(new RedisError("ERR no")),
    fc.array(tie("reply"), { maxLength: 5 }),
  ),
}));

describe("replies of Redis", () => {
  it("are the same wherever the stream is cut", () => {
    const check = fc.property(
      fc.array(aReply, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 40 })),
      (replies, cuts) => {
        const bytes = new TextEncoder().encode(replies.map(write).join(""));
        const reader = new ReplyReader();
        const read: unknown[] = [];
        let at = 0;
        for (const length of [...cuts, bytes.length]) {
          // The socket may use its memory again.
          const piece = bytes.slice(at, at + length);
          if (piece.length > 0) read.push(...reader.push(piece));
          piece.fill(0);
          at += length;
        }
        expect(read).toEqual(replies);
      },
    );
    fc.assert(check, { numRuns: 1_000 });
  });

  it("come in many pieces without being looked at again and again", () => {
    const reader = new ReplyReader();
    const long = "x".repeat(64 * 1024 * 1024);
    const bytes = new TextEncoder().encode(write([long, "after"]));
    const read: unknown[] = [];
    for (let at = 0; at < bytes.length; at += 4_096) read.push(...reader.push(bytes.subarray(at, at + 4_096)));
    expect(read).toEqual([[long, "after"]]);
  });

  for (const text of ["?1\r\n", ":1x\r\n", "$-2\r\n", "*-2\r\n", "$1\r\nabc\r\n", "+a\n", "\n", "$\r\n", "%1\r\n"])
    it(`are refused when they are ${JSON.stringify(text)}`, () => {
      expect(() => new ReplyReader().push(new TextEncoder().encode(text))).toThrow(ProtocolError);
    });

  it("have no line without an end", () => {
    const reader = new ReplyReader();
    expect(() => {
      for (let i = 0; i < 100; i += 1) reader.push(new Uint8Array(1_000).fill(43));
    }).toThrow("without an end");
  });

  it("read the kinds that stand on a line of their own", () => {
    expect(new ReplyReader().push(new TextEncoder().encode("+OK\r\n:-7\r\n*-1\r\n*0\r\n"))).toEqual([
      "OK",
      -7,
      null,
      [],
    ]);
  });
});

it("counts a command's words in bytes", () => {
  expect(encodeCommand(["SET", "ä", ""])).toBe("*3\r\n$3\r\nSET\r\n$2\r\nä\r\n$0\r\n\r\n");
});
