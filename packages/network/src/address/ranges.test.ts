import { describe, expect, it } from "bun:test";
import { formatRange, invertRanges, mergeRanges, parseAddress, parseCidr, subtractRanges } from "./ranges";

const shown = (texts: string[]): string[] => mergeRanges(texts.map(parseCidr)).map(formatRange);

describe(parseAddress, () => {
  it("refuses the forms that programs read in different ways", () => {
    for (const text of [
      "010.0.0.1",
      "0x7f.0.0.1",
      "127.1",
      "2130706433",
      "1.2.3.4 ",
      "1.2.3.256",
      "",
      "1.2.3.4.5",
      "::1",
    ])
      expect(parseAddress(text)).toBeUndefined();
    expect(parseAddress("255.255.255.255")).toBe(0xffffffff);
  });
});

describe(parseCidr, () => {
  it("drops host bits and knows both ends of the address space", () => {
    expect(formatRange(parseCidr("10.1.2.3/8"))).toBe("10.0.0.0-10.255.255.255");
    expect(formatRange(parseCidr("0.0.0.0/0"))).toBe("0.0.0.0/0");
    expect(formatRange(parseCidr("255.255.255.255"))).toBe("255.255.255.255");
    expect(formatRange(parseCidr("128.0.0.0/1"))).toBe("128.0.0.0-255.255.255.255");
  });
  it("refuses what is no CIDR", () => {
    for (const text of ["1.2.3.4/33", "1.2.3.4/", "1.2.3.4/01", "1.2.3.4/-1", "1.2.3.4/8/8", "example.com", "::/0"])
      expect(() => parseCidr(text)).toThrow("is not an IPv4 address or CIDR");
  });
});

describe(mergeRanges, () => {
  it("joins what overlaps, touches or repeats", () => {
    expect(shown(["10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "1.1.1.1", "1.1.1.1/32"])).toEqual([
      "1.1.1.1",
      "10.0.0.0-11.255.255.255",
    ]);
    expect(shown(["240.0.0.0/4", "255.255.255.255/32", "224.0.0.0/4"])).toEqual(["224.0.0.0-255.255.255.255"]);
    expect(shown([])).toEqual([]);
  });
});

describe(subtractRanges, () => {
  it("leaves nothing of a range that is wholly taken", () => {
    expect(subtractRanges([parseCidr("0.0.0.0/0")], [parseCidr("0.0.0.0/1"), parseCidr("128.0.0.0/1")])).toEqual([]);
    expect(invertRanges([])).toHaveLength(1);
    expect(subtractRanges([parseCidr("10.0.0.0/30")], [parseCidr("10.0.0.1")]).map(formatRange)).toEqual([
      "10.0.0.0",
      "10.0.0.2-10.0.0.3",
    ]);
  });
});
