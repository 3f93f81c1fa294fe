import { describe, expect, it } from "bun:test";
import { LineCutter, parseQmpLine } from "./qmp-frames";

describe(parseQmpLine, () => {
  it.each([
    [
      '{"QMP":{"version":{"qemu":{"micro":22,"minor":2,"major":7}},"capabilities":[]}}',
      { kind: "greeting", version: "7.2.22" },
    ],
    ['{"QMP":{}}', { kind: "greeting", version: "unknown" }],
    ['{"timestamp":{"seconds":1},"event":"STOP"}', { kind: "event", event: "STOP", data: undefined }],
    ['{"return":{"running":true},"id":3}', { kind: "return", id: 3, value: { running: true } }],
    ['{"id":4,"error":{"class":"GenericError","desc":"no"}}', { kind: "error", id: 4, reason: "no" }],
    ['{"something":"of tomorrow"}', { kind: "unknown" }],
  ])("reads %s", (line, frame) => {
    expect(parseQmpLine(line)).toEqual(frame as ReturnType<typeof parseQmpLine>);
  });

  it.each(["", "{", "[1]", "null", '"text"', "42"])("refuses %p", (line) => {
    expect(() => parseQmpLine(line)).toThrow("speaks no sense");
  });
});

describe(LineCutter, () => {
  it("cuts lines wherever they are torn, also inside a character", () => {
    const bytes = new TextEncoder().encode('{"a":"ü"}\r\n\n{"b":1}\n{"c"');
    const cutter = new LineCutter(100);
    const lines = [...bytes].flatMap((byte) => cutter.push(new Uint8Array([byte])));
    expect(lines).toEqual(['{"a":"ü"}', '{"b":1}']);
  });

  it("refuses a line without an end", () => {
    const cutter = new LineCutter(10);
    expect(() => cutter.push(new TextEncoder().encode("x".repeat(11)))).toThrow("more than 10 bytes");
  });
});
