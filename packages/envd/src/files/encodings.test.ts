import { describe, expect, it } from "bun:test";
import { allowsIdentity, chooseCoding } from "./encodings";

describe(chooseCoding, () => {
  const cases: [accept: string | undefined, coding: string | undefined][] = [
    [undefined, "identity"],
    ["", "identity"],
    ["gzip", "gzip"],
    ["gzip, deflate", "gzip"],
    ["br", "identity"],
    ["br, gzip;q=0.2", "gzip"],
    ["gzip;q=0.5, identity", "identity"],
    ["gzip;q=0", "identity"],
    ["*", "identity"],
    ["*, identity;q=0", "gzip"],
    ["identity;q=0", undefined],
    ["br, identity;q=0", undefined],
    ["*;q=0", undefined],
    ["gzip, *;q=0", "gzip"],
    ["GZIP;Q=1.0", "gzip"],
  ];
  for (const [accept, coding] of cases) {
    it(`answers ${coding ?? "406"} to ${accept ?? "no header"}`, () => {
      expect(chooseCoding(new Headers(accept === undefined ? {} : { "accept-encoding": accept }))).toBe(
        coding as never,
      );
    });
  }

  it("sends plain bytes instead of gzip only to who would take them", () => {
    const allows = (accept: string) => allowsIdentity(new Headers({ "accept-encoding": accept }));
    expect(allows("gzip, deflate")).toBe(true);
    expect(allows("gzip, identity;q=0.1")).toBe(true);
    expect(allows("gzip")).toBe(false);
    expect(allows("gzip, identity;q=0")).toBe(false);
  });

  it("serves ranges and conditions as they are, or not at all", () => {
    expect(chooseCoding(new Headers({ "accept-encoding": "gzip", range: "bytes=0-1" }))).toBe("identity");
    expect(
      chooseCoding(new Headers({ "accept-encoding": "gzip, identity;q=0", "if-none-match": "*" })),
    ).toBeUndefined();
  });
});
