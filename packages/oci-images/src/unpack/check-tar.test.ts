import { describe, expect, test } from "bun:test";
import { refusal } from "./check-tar";

const entry = { name: "a/b", link: "", size: 0, type: "file" } as const;

describe(refusal, () => {
  test("lets through what stays inside", () => {
    for (const header of [
      entry,
      { ...entry, name: "./a/./b/../c" },
      { ...entry, type: "directory" as const, name: "d/" },
      { ...entry, type: "hardlink" as const, link: "a/c" },
      { ...entry, type: "symlink" as const, link: "../c" },
    ]) {
      expect(refusal(header, false)).toBeUndefined();
    }
  });

  test("says why it refuses", () => {
    expect(refusal({ ...entry, name: "a/../../b" }, true)).toContain("outside");
    expect(refusal({ ...entry, name: "/a" }, true)).toContain("absolute");
    expect(refusal({ ...entry, type: "block" }, true)).toContain("device");
    expect(refusal({ ...entry, type: "hardlink", link: "../x" }, true)).toContain("outside");
    expect(refusal({ ...entry, name: "x".repeat(5_000) }, true)).toContain("long");
  });

  test("symlinks may point anywhere in images, not in uploaded contexts", () => {
    const link = { ...entry, type: "symlink", link: "/etc" } as const;
    expect(refusal(link, true)).toBeUndefined();
    expect(refusal(link, false)).toContain("outside");
    expect(refusal({ ...link, link: "../../x" }, false)).toContain("outside");
  });
});
