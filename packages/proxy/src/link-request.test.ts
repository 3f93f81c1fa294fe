import { describe, expect, it } from "bun:test";
import { HeaderList } from "./http/headers";
import { readLink } from "./link-request";

const cookies = (...values: string[]) => new HeaderList(values.map((value) => ["Cookie", value] as const));

describe(readLink, () => {
  it("takes the token out of the query and leaves the rest as it was", () => {
    expect(readLink("/a?x=%20&sandlot-link=t.s&y=1", cookies())).toEqual({
      token: "t.s",
      from: "query",
      target: "/a?x=%20&y=1",
      cookie: undefined,
    });
    expect(readLink("/?sandlot-link=t.s", cookies())?.target).toBe("/");
  });

  it("takes it out of the cookies, wherever it stands", () => {
    expect(readLink("/a?x", cookies("a=1; sandlot-link=t.s;b=2", "c=3"))).toEqual({
      token: "t.s",
      from: "cookie",
      target: "/a?x",
      cookie: "a=1; b=2; c=3",
    });
    expect(readLink("/", cookies("sandlot-link=t.s"))?.cookie).toBeUndefined();
  });

  it("lets the query win, and leaves no copy of either", () => {
    const link = readLink("/?sandlot-link=q&sandlot-link=r", cookies("sandlot-link=c", "sandlot-link=d"));
    expect(link).toEqual({ token: "q", from: "query", target: "/", cookie: undefined });
  });

  it("sees nothing in names that only resemble it", () => {
    expect(readLink("/sandlot-link=1?my-sandlot-link=2", cookies("xsandlot-link=3"))).toBeUndefined();
  });
});
