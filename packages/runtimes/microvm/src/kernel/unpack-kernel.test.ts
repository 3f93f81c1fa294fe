import { describe, expect, it } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { unpackKernel } from "./unpack-kernel";

const ELF = Buffer.concat([Buffer.from("\x7fELF", "latin1"), Buffer.alloc(9_000, "abcabcabd")]);

/** As the boot protocol has it: one sector of boot code, `sectors` of setup, then the payload and its unpacked size. */
function image(payload: Uint8Array, sizeBytes = ELF.length): Buffer {
  const head = Buffer.alloc(512 * 3);
  head[0x1f1] = 2;
  head.write("HdrS", 0x202, "latin1");
  const size = Buffer.alloc(4);
  size.writeUInt32LE(sizeBytes);
  head.writeUInt32LE(16, 0x248);
  head.writeUInt32LE(payload.length + 4, 0x24c);
  return Buffer.concat([head, Buffer.alloc(16), payload, size, Buffer.alloc(100)]);
}

/** The four letters and nine more as they are, then one match back by nine that overlaps itself, then the last ones. */
function lz4(): Buffer {
  const literals = ELF.subarray(0, 13);
  const tail = ELF.subarray(ELF.length - 5);
  const matched = ELF.length - literals.length - tail.length;
  const rest = matched - 4 - 15;
  const lengths = Buffer.from([...Array.from({ length: Math.floor(rest / 255) }, () => 255), rest % 255]);
  const block = Buffer.concat([Buffer.from([0xdf]), literals, Buffer.from([9, 0]), lengths, Buffer.from([0x50]), tail]);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184c2102, 0);
  head.writeUInt32LE(block.length, 4);
  return Buffer.concat([head, block]);
}

describe(unpackKernel, () => {
  it.each([
    ["lz4", lz4()],
    ["zstd", zstdCompressSync(ELF)],
    ["gzip", gzipSync(ELF)],
  ])("takes the kernel out of an image packed by %s", (_, packed) => {
    expect(Buffer.from(unpackKernel(image(packed), "/vmlinuz")).equals(ELF)).toBe(true);
  });

  it("leaves a kernel alone that is none of these", () => {
    expect(unpackKernel(ELF, "/vmlinux")).toBe(ELF);
  });

  it.each([
    ["no image at all", Buffer.alloc(2_000), "no boot header"],
    ["one that is cut off", image(lz4()).subarray(0, 1_560), "cut off"],
    ["one packed otherwise", image(Buffer.from("BZh91AY&SY")), "unknown way"],
    ["a block that refers to nothing", image(lz4().fill(0xff, 22, 24)), "refers to nothing"],
    ["another size than it says", image(lz4(), ELF.length + 1), "not to"],
    ["something else than an ELF", image(gzipSync(Buffer.alloc(9_000))), "no ELF"],
  ])("refuses %s", (_, bytes, why) => {
    expect(() => unpackKernel(bytes, "/vmlinuz")).toThrow(why);
  });
});
