import { describe, expect, it } from "bun:test";
import { boundaryOf, readParts } from "./multipart";
import { parseHeaderValue } from "./part-headers";

async function* inPieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(
  text: string,
  size = 1,
): Promise<[name: string | undefined, filename: string | undefined, body: string][]> {
  const parts: [string | undefined, string | undefined, string][] = [];
  for await (const { name, filename, chunks } of readParts(inPieces(text, size), "XX")) {
    let body = "";
    for await (const chunk of chunks) body += chunk.toString("latin1");
    parts.push([name, filename, body]);
  }
  return parts;
}

const BODY =
  'preamble\r\n--XX\r\nContent-Disposition: form-data; name="file"; filename="a/b.txt"\r\nX: y\r\n\r\none\r\n--X\r\ntwo\r\n' +
  "--XX  \r\nCONTENT-DISPOSITION: form-data; name=note\r\n\r\n\r\n--XX--\r\nepilogue";

describe(readParts, () => {
  for (const size of [1, 2, 3, 7, 64, 10_000]) {
    it(`reads all parts however the body is cut: ${size}`, async () => {
      expect(await read(BODY, size)).toEqual([
        ["file", "a/b.txt", "one\r\n--X\r\ntwo"],
        ["note", undefined, ""],
      ]);
    });
  }

  it("skips what is left of a part and accepts an end without a line break", async () => {
    const names: (string | undefined)[] = [];
    for await (const part of readParts(inPieces(BODY.replace("--XX--\r\nepilogue", "--XX--"), 5), "XX"))
      names.push(part.name);
    expect(names).toEqual(["file", "note"]);
  });

  const broken: [what: string, text: string][] = [
    ["an end within a part", BODY.slice(0, 110)],
    ["an end within headers", "--XX\r\nContent-Disp"],
    ["no delimiter at all", "hello"],
    ["an empty body", ""],
    ["endless headers", `--XX\r\nX: ${"y".repeat(40_000)}\r\n\r\n--XX--`],
    ["text behind a boundary", "--XXY\r\n\r\n\r\n--XX--"],
  ];
  for (const [what, text] of broken) {
    it(`refuses ${what}`, () => expect(read(text, 100)).rejects.toThrow("error parsing multipart body"));
  }
});

describe(boundaryOf, () => {
  it("takes bare and quoted boundaries and refuses a missing one", () => {
    expect(boundaryOf("multipart/form-data; boundary=abc")).toBe("abc");
    expect(boundaryOf('multipart/form-data; charset=utf-8; boundary="a b"')).toBe("a b");
    expect(() => boundaryOf("multipart/form-data")).toThrow("boundary");
  });
});

describe(parseHeaderValue, () => {
  it("unescapes quotes, keeps Windows paths and prefers the extended name", () => {
    const name = (text: string): string | undefined =>
      parseHeaderValue(`form-data; ${text}`).parameters.get("filename");
    expect(name('filename="a\\"b;c.txt"')).toBe('a"b;c.txt');
    expect(name('filename="C:\\dir\\x.txt"')).toBe("C:\\dir\\x.txt");
    expect(name("filename=\"x\"; filename*=UTF-8''%C3%A9%20x")).toBe("é x");
    expect(name("filename=\"x\"; filename*=UTF-8''%zz")).toBe("x");
  });
});
