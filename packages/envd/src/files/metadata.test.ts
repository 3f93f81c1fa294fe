import { describe, expect, it } from "bun:test";
import { metadataOfHeaders } from "./metadata";

describe(metadataOfHeaders, () => {
  it("takes X-Metadata headers with lower-case keys, and nothing else", () => {
    const headers = new Headers({ "X-Metadata-Author": "me", "x-metadata-a-b": "", "x-meta": "no" });
    expect(metadataOfHeaders(headers)).toEqual({ author: "me", "a-b": "" });
  });

  const refused: [what: string, name: string, value: string][] = [
    ["an empty key", "x-metadata-", "v"],
    ["a key of 247 bytes", `x-metadata-${"k".repeat(247)}`, "v"],
    ["more than 4096 bytes in all", "x-metadata-k", "v".repeat(4096 - "user.e2b.k".length + 1)],
    ["a value that is not ASCII", "x-metadata-k", "\xe9"],
    ["a tab in a value", "x-metadata-k", "a\tb"],
  ];
  for (const [what, name, value] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => metadataOfHeaders(new Headers({ [name]: value }))).toThrow("invalid metadata: ");
    });
  }

  it("takes exactly the largest key and the largest set", () => {
    expect(metadataOfHeaders(new Headers({ [`x-metadata-${"k".repeat(246)}`]: "v" }))).toBeDefined();
    expect(metadataOfHeaders(new Headers({ "x-metadata-k": "v".repeat(4096 - "user.e2b.k".length) }))).toBeDefined();
  });
});
