import { describe, expect, it } from "bun:test";
import { isAtLeast, parseKernelRelease } from "./probe";

describe(isAtLeast, () => {
  it.each([
    ["6.18.44-fc", 6, 13, true],
    ["6.1.0-30-amd64", 6, 13, false],
    ["5.19.0", 5, 19, true],
    ["5.4.0", 5, 19, false],
  ] as const)("%s against %d.%d", (release, major, minor, expected) => {
    expect(isAtLeast(parseKernelRelease(release), major, minor)).toBe(expected);
  });
});
