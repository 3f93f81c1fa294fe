import { describe, expect, it } from "bun:test";
import { matchesMetadata, parseMetadataFilter } from "./metadata";

/** What a stock client sends, after the query string itself was decoded: encoded twice. */
function sent(pairs: Record<string, string>): string {
  const inner = Object.entries(pairs).map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`);
  return encodeURIComponent(inner.join("&"));
}

describe(parseMetadataFilter, () => {
  it("undoes what clients do, whatever the characters", () => {
    const pairs = { "a b": "c&d=e", "ü%": "+/?#", x: "" };
    expect({ ...parseMetadataFilter(sent(pairs)) }).toEqual(pairs);
  });
  it("takes plain pairs and plus for space", () => {
    expect({ ...parseMetadataFilter("a=b+c&d=e") }).toEqual({ a: "b c", d: "e" });
  });
  it("is not fooled by names of prototypes", () => {
    expect(matchesMetadata({}, parseMetadataFilter("constructor=x"))).toBe(false);
    expect(matchesMetadata({}, parseMetadataFilter("__proto__=x"))).toBe(false);
  });
  for (const bad of ["", "a", "=b", "a=b=c", "a=b&", "%zz", "a=%25zz"]) {
    it(`refuses ${JSON.stringify(bad)}`, () =>
      expect(() => parseMetadataFilter(bad)).toThrow("invalid metadata filter"));
  }
});

it("wants every pair exactly", () => {
  expect(matchesMetadata({ a: "1", b: "2" }, { a: "1" })).toBe(true);
  expect(matchesMetadata({ a: "1", b: "2" }, { a: "1", b: "3" })).toBe(false);
  expect(matchesMetadata({ a: "1" }, {})).toBe(true);
});
