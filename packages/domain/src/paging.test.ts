import { describe, expect, it } from "bun:test";
import { comparePositions, type Order, pageOf, parseCursor, writeCursor } from "./paging";

const rows = [5, 3, 3, 1].map((atMs, i) => ({ atMs, id: `i${i}` }));

function walk(order: Order, limit: number): string[] {
  const ids: string[] = [];
  let token: string | undefined;
  do {
    const after = token === undefined ? undefined : parseCursor(token, order);
    const { page, nextToken } = pageOf({ rows, at: (row) => row, order, after, limit });
    expect(page.length).toBeGreaterThan(0);
    ids.push(...page.map(({ id }) => id));
    token = nextToken;
  } while (token !== undefined);
  return ids;
}

describe(pageOf, () => {
  for (const limit of [1, 2, 3, 4, 100]) {
    it(`walks over everything once, ${limit} at a time, either way`, () => {
      expect(walk("desc", limit)).toEqual(["i0", "i1", "i2", "i3"]);
      expect(walk("asc", limit)).toEqual(["i3", "i2", "i1", "i0"]);
    });
  }
  it("is not confused by rows that come and go between pages", () => {
    const cursor = { atMs: 4, id: "i9" };
    expect(pageOf({ rows, at: (row) => row, order: "desc", after: cursor, limit: 9 }).page).toHaveLength(3);
    expect(Math.abs(comparePositions(cursor, cursor, "asc"))).toBe(0);
  });
});

describe(parseCursor, () => {
  it("is padded base64url of time, id and direction", () => {
    const token = writeCursor({ atMs: 1_700_000_000_123, id: "iabc", order: "asc" });
    expect(token.length % 4).toBe(0);
    expect(Buffer.from(token, "base64url").toString()).toBe("2023-11-14T22:13:20.123Z__iabc__asc");
    expect(parseCursor(token, "asc")).toEqual({ atMs: 1_700_000_000_123, id: "iabc" });
    expect(() => parseCursor(token, "desc")).toThrow("Invalid next token");
  });
  it("takes nanoseconds", () => {
    const token = Buffer.from("2023-11-14T22:13:20.123456789Z__iabc").toString("base64url");
    expect(parseCursor(token, "desc").atMs).toBe(1_700_000_000_123);
  });
  const texts = [
    "",
    "x",
    "2023-11-14T22:13:20Z",
    "2023-99-14T22:13:20Z__i",
    "2023-11-14T22:13:20Z__",
    "now__i",
    "2023-11-14T22:13:20Z__i__desc",
  ];
  for (const bad of [
    ...texts.map((text) => Buffer.from(text).toString("base64url")),
    "%%%",
    "\0",
    "ä",
    "a".repeat(10_000),
  ]) {
    it(`refuses ${JSON.stringify(bad).slice(0, 24)}`, () =>
      expect(() => parseCursor(bad, "desc")).toThrow("Invalid next token"));
  }
});
