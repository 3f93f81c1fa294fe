import { describe, expect, it } from "bun:test";
import { FramingError } from "./framing";
import { glanceAtRequest, glanceAtResponse, withoutClose } from "./glance";
import { findRequestEnd, findResponseEnd, parseRequestHead, parseResponseHead } from "./head";
import { requestFraming, responseFraming } from "./message";

const BOUNDS = { headBytes: 4_096, headerCount: 8 };

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

/** What the parser makes of a whole head, or why it refuses it. */
function parsedRequest(bytes: Buffer) {
  try {
    const end = findRequestEnd(bytes, 0);
    if (end < 0) return "not all there";
    const head = parseRequestHead(bytes.subarray(0, end), BOUNDS.headerCount);
    const { method, target, host, minorVersion, isPlain } = head;
    return {
      method,
      target,
      host,
      minorVersion,
      isPlain,
      end,
      framing: requestFraming(head),
      lines: head.headers.lines,
    };
  } catch (thrown) {
    if (thrown instanceof FramingError) return thrown.message;
    throw thrown;
  }
}

function glancedRequest(bytes: Buffer) {
  const head = glanceAtRequest(bytes, BOUNDS);
  if (head === undefined) return undefined;
  const { method, target, host, minorVersion, isPlain, end, framing } = head;
  return { method, target, host, minorVersion, isPlain, end, framing, lines: head.headers.lines };
}

function parsedResponse(bytes: Buffer) {
  try {
    const end = findResponseEnd(bytes, 0);
    if (end < 0) return "not all there";
    const head = parseResponseHead(bytes, BOUNDS.headerCount, end);
    return { status: head.status, isPlain: head.isPlain, end, framing: responseFraming(head, "GET") };
  } catch (thrown) {
    if (thrown instanceof FramingError) return thrown.message;
    throw thrown;
  }
}

const REQUESTS = [
  "GET / HTTP/1.1\r\nHost: 80-a.x.test\r\n\r\n",
  "POST /p?q=1 HTTP/1.1\r\nHost:  a.test \t\r\nContent-Length: 12\r\nAccept: */*\r\n\r\nhello world!",
  "PUT /p HTTP/1.1\r\nhOsT:a.test\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n5\r\nhello\r\n",
  "DELETE /\xe9 HTTP/1.1\r\nX: \r\nHost: a\r\nContent-Length: 007\r\n\r\n",
];
const RESPONSES = [
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
  "HTTP/1.1 404 \r\nServer: x\r\nContent-Length:0\r\nConnection: keep-alive\r\n\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
  "HTTP/1.1 200 OK\r\nconnection: close\r\nContent-Length: 2\r\n\r\nok",
];
/** Where two readers tend to differ. */
const PIECES = [
  ...["\r", "\n", "\r\n", "\r\n\r\n", " ", "\t", ":", "\0", "\x7f", "\xff", ",", "/", "*", "http://b.test/", "CONNECT"],
  ...[
    "Host: b\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: +3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Upgrade: h2c\r\n",
  ],
  ...[
    "Transfer-Encoding: Chunked, gzip\r\n",
    "Connection: close\r\n",
    "Connection: Keep-Alive\r\n",
    "Keep-Alive: 3\r\n",
  ],
  ...[
    "HTTP2-Settings: x\r\n",
    "Proxy-Connection: x\r\n",
    " folded\r\n",
    "X : y\r\n",
    "HTTP/1.0",
    "HTTP/2",
    "204",
    "304",
    "101",
  ],
];

/** Heads with pieces put in, taken out or doubled, the same ones each time. */
function* broken(seeds: readonly string[]): Generator<string> {
  for (const seed of seeds) {
    yield seed;
    for (let at = 0; at <= seed.length; at += 1) {
      yield seed.slice(0, at);
      yield seed.slice(0, at) + seed.slice(at + 1);
      yield seed.slice(0, at) + seed.slice(at, at + 4) + seed.slice(at);
      for (const piece of PIECES) {
        yield seed.slice(0, at) + piece + seed.slice(at);
        yield seed.slice(0, at) + piece + seed.slice(at + piece.length);
      }
    }
  }
}

describe(glanceAtRequest, () => {
  it("recognises the usual heads, and reads out of them what the parser does", () => {
    for (const text of REQUESTS) expect(glancedRequest(bytesOf(text))).toEqual(parsedRequest(bytesOf(text)) as never);
  });

  it("takes nothing for plain that the parser reads otherwise or refuses", () => {
    let taken = 0;
    for (const text of broken(REQUESTS)) {
      const glanced = glancedRequest(bytesOf(text));
      if (glanced === undefined) continue;
      taken += 1;
      if (!Bun.deepEquals(glanced, parsedRequest(bytesOf(text)))) {
        expect({ text, read: glanced }).toEqual({ text, read: parsedRequest(bytesOf(text)) as never });
      }
    }
    expect(taken).toBeGreaterThan(1_000);
  });

  it("leaves to the parser what is too long or has too many lines", () => {
    const lines = (count: number) => "X: y\r\n".repeat(count);
    const head = (more: string) => bytesOf(`GET / HTTP/1.1\r\nHost: a\r\n${more}\r\n`);
    expect(glanceAtRequest(head(lines(7)), BOUNDS)).toBeDefined();
    expect(glanceAtRequest(head(lines(8)), BOUNDS)).toBeUndefined();
    expect(glanceAtRequest(head(`X: ${"y".repeat(5_000)}\r\n`), BOUNDS)).toBeUndefined();
  });
});

describe("closingBytes", () => {
  it("are the head with one line more, and none where it names the connection itself", () => {
    const head = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n";
    const closing = glanceAtRequest(bytesOf(`${head}\r\nabc`), BOUNDS)?.closingBytes;
    expect(closing?.toString()).toBe(`${head}Connection: close\r\n\r\n`);
    const kept = glanceAtRequest(bytesOf("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"), BOUNDS);
    expect(kept).toBeDefined();
    expect(kept?.closingBytes).toBeUndefined();
    expect(glanceAtRequest(bytesOf("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), BOUNDS)).toBeUndefined();
  });
});

describe(withoutClose, () => {
  it("takes out that line and nothing else", () => {
    const bytes = bytesOf("HTTP/1.1 200 OK\r\nConnection:  close \r\nContent-Length: 2\r\n\r\nok");
    const glanced = glanceAtResponse(bytes, BOUNDS);
    expect(glanced && withoutClose(bytes, glanced).toString()).toBe("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    for (const twice of ["close", "keep-alive"]) {
      const lines = `Connection: close\r\nConnection: ${twice}\r\n`;
      const two = bytesOf(`HTTP/1.1 200 OK\r\n${lines}Content-Length: 2\r\n\r\nok`);
      expect(glanceAtResponse(two, BOUNDS)).toBeUndefined();
    }
  });
});

describe(glanceAtResponse, () => {
  it("recognises answers that say how long they are", () => {
    for (const text of RESPONSES) expect(glanceAtResponse(bytesOf(text), BOUNDS)).toBeDefined();
    expect(glanceAtResponse(bytesOf("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"), BOUNDS)).toBeUndefined();
  });

  it("takes nothing for plain that the parser reads otherwise or refuses", () => {
    let taken = 0;
    for (const text of broken(RESPONSES)) {
      const glanced = glanceAtResponse(bytesOf(text), BOUNDS);
      if (glanced === undefined) continue;
      taken += 1;
      const { status, end, framing } = glanced;
      const read = { status, isPlain: glanced.closeAt < 0, end, framing };
      if (!Bun.deepEquals(read, parsedResponse(bytesOf(text)))) {
        expect({ text, read }).toEqual({ text, read: parsedResponse(bytesOf(text)) as never });
      }
    }
    expect(taken).toBeGreaterThan(500);
  });
});
