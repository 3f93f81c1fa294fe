import { describe, expect, it } from "bun:test";
import { inlineDisposition, sniffType, typeByExtension } from "./content-type";

describe(sniffType, () => {
  const cases: [head: string, type: string][] = [
    ["plain", "text/plain; charset=utf-8"],
    ["", "text/plain; charset=utf-8"],
    ["caf\xc3\xa9\n\t", "text/plain; charset=utf-8"],
    ["a\0b", "application/octet-stream"],
    [" <!DOCTYPE html>", "text/html; charset=utf-8"],
    ["<htmlx>", "text/plain; charset=utf-8"],
    ["%PDF-1.7", "application/pdf"],
    ["\x89PNG\r\n\x1a\n", "image/png"],
    ["\x1f\x8b\x08", "application/x-gzip"],
  ];
  for (const [head, type] of cases) {
    it(`takes ${JSON.stringify(head)} for ${type}`, () => expect(sniffType(Buffer.from(head, "latin1"))).toBe(type));
  }
});

it("goes by the extension, whatever its case", () => {
  expect(typeByExtension("/a/B.PNG")).toBe("image/png");
  expect(typeByExtension("/a.d/b")).toBeUndefined();
});

describe(inlineDisposition, () => {
  it("is bare, quoted or encoded as the name needs", () => {
    expect(inlineDisposition("a.txt")).toBe("inline; filename=a.txt");
    expect(inlineDisposition('a "b".txt')).toBe('inline; filename="a \\"b\\".txt"');
    expect(inlineDisposition("é'.txt")).toBe("inline; filename*=utf-8''%C3%A9%27.txt");
    expect(inlineDisposition("a\r\nX: y")).toBe("inline; filename*=utf-8''a%0D%0AX%3A%20y");
  });
});
