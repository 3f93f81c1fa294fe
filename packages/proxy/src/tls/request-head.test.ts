import { describe, expect, it } from "bun:test";
import { FramingError } from "../http/framing";
import { downgradeHead, downgradeTrailers } from "./request-head";

const BASE = [":method", "POST", ":path", "/p", ":scheme", "https", ":authority", "80-abc.test"];
const head = (raw: readonly string[], hasBody = false): string => downgradeHead(raw, hasBody).head.toString("latin1");

describe(downgradeTrailers, () => {
  it("ends a chunked body, and adds no line that is not there", () => {
    expect(downgradeTrailers(["x-sum", "7"]).toString()).toBe("0\r\nx-sum: 7\r\n\r\n");
    expect(downgradeTrailers([]).toString()).toBe("0\r\n\r\n");
    for (const raw of [
      ["x", "1\r\nGET / HTTP/1.1"],
      ["x: y", "1"],
      [":path", "/"],
      ["transfer-encoding", "chunked"],
      ["", "1"],
    ])
      expect(() => downgradeTrailers(raw)).toThrow(FramingError);
  });
});

describe(downgradeHead, () => {
  it("writes what HTTP/1.1 needs, and joins cookies", () => {
    expect(head([...BASE, "cookie", "a=1", "x", "y", "cookie", "b=2", "te", "trailers"], true)).toBe(
      "POST /p HTTP/1.1\r\nHost: 80-abc.test\r\nx: y\r\nte: trailers\r\ncookie: a=1; b=2\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    expect(head([...BASE, "content-length", "0"])).toContain("\r\ncontent-length: 0\r\n\r\n");
    expect(downgradeHead([...BASE, "content-length", "7"], true).body).toEqual({ kind: "length", bytes: 7 });
  });

  const smuggled: [name: string, raw: string[], hasBody?: boolean][] = [
    ["a line in a value", [...BASE, "x", "a\r\nTransfer-Encoding: chunked"]],
    ["LF alone in a value", [...BASE, "x", "a\nContent-Length: 9"]],
    ["CR alone in a value", [...BASE, "x", "a\rb"]],
    ["NUL in a value", [...BASE, "x", "a\0b"]],
    ["a character that becomes another byte", [...BASE, "x", "a\u010ab"]],
    ["a line in a name", [...BASE, "x: 1\r\ny", "z"]],
    ["a colon in a name", [...BASE, "transfer-encoding: chunked\r\nx", "z"]],
    ["capitals in a name", [...BASE, "Transfer-Encoding", "chunked"]],
    ["chunks announced", [...BASE, "transfer-encoding", "chunked"], true],
    ["a header of the connection", [...BASE, "connection", "content-length"]],
    ["an upgrade", [...BASE, "upgrade", "h2c"]],
    ["te that is not trailers", [...BASE, "te", "gzip"]],
    ["a line in the path", [...BASE.with(3, "/ HTTP/1.1\r\nX: 1"), "x", "1"]],
    ["a space in the path", BASE.with(3, "/a b")],
    ["no slash before the path", BASE.with(3, "a")],
    ["a line in the method", BASE.with(1, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET")],
    ["CONNECT", BASE.with(1, "CONNECT")],
    ["a line in the authority", BASE.with(7, "80-abc.test\r\nX: 1")],
    ["a path in the authority", BASE.with(7, "80-abc.test/x")],
    ["two hosts", [...BASE, "host", "80-other.test"]],
    ["two host headers", [...BASE.slice(0, 6), "host", "80-abc.test", "host", "80-abc.test"]],
    ["two paths", [":path", "/other", ...BASE]],
    ["a pseudo header after others", [...BASE, "x", "1", ":path", "/other"]],
    ["an unknown pseudo header", [":protocol", "websocket", ...BASE]],
    ["two lengths", [...BASE, "content-length", "1", "content-length", "1"], true],
    ["a list of lengths", [...BASE, "content-length", "1, 1"], true],
    ["a signed length", [...BASE, "content-length", "+1"], true],
    ["a length without a body", [...BASE, "content-length", "5"], false],
  ];
  for (const [name, raw, hasBody] of smuggled) {
    it(`refuses ${name}`, () => {
      expect(() => downgradeHead(raw, hasBody ?? false)).toThrow();
    });
  }
});
