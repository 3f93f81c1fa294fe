import { describe, expect, it } from "bun:test";
import { parseLinked } from "./tree";

describe(parseLinked, () => {
  it("finds every library and the linker itself, and nothing that has no file", () => {
    const text = `\tlinux-vdso.so.1 (0x00007ffd)
\tlibz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f11)
\tlibmissing.so => not found
\t/lib64/ld-linux-x86-64.so.2 (0x00007f22)
`;
    expect(parseLinked(text)).toEqual(["/lib/x86_64-linux-gnu/libz.so.1", "/lib64/ld-linux-x86-64.so.2"]);
  });
});
