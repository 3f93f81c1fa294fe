import { describe, expect, it } from "bun:test";
import { crc32 } from "node:zlib";
import { planLayersDisk, vmdkDescriptor } from "./layers-disk";

const LAYERS = [
  { path: "/a.erofs", sizeBytes: 8_192 },
  { path: "/b.erofs", sizeBytes: 4_096 },
];

function bytesOf(disk: ReturnType<typeof planLayersDisk>): Buffer {
  return Buffer.concat(
    disk.pieces.map((piece, at) => (piece.kind === "bytes" ? piece.bytes : Buffer.alloc(piece.sizeBytes, at))),
  );
}

describe(planLayersDisk, () => {
  it("puts each image, unchanged, where the table says its partition is", () => {
    const disk = planLayersDisk(LAYERS);
    const bytes = bytesOf(disk);
    expect(bytes.length).toBe(disk.sizeBytes);
    for (const [index, { offsetBytes, sizeBytes }] of disk.partitions.entries()) {
      const row = bytes.subarray(1_024 + index * 128, 1_024 + (index + 1) * 128);
      expect(Number(row.readBigUInt64LE(32)) * 512).toBe(offsetBytes);
      expect((Number(row.readBigUInt64LE(40)) + 1) * 512).toBe(offsetBytes + sizeBytes);
      expect(bytes.subarray(offsetBytes, offsetBytes + sizeBytes).equals(Buffer.alloc(sizeBytes, index + 1))).toBe(
        true,
      );
    }
  });

  it("writes both copies of the table so that each proves the other", () => {
    const bytes = bytesOf(planLayersDisk(LAYERS));
    const last = bytes.length / 512 - 1;
    for (const at of [1, last]) {
      const header = Buffer.from(bytes.subarray(at * 512, at * 512 + 92));
      expect(header.toString("latin1", 0, 8)).toBe("EFI PART");
      expect(Number(header.readBigUInt64LE(24))).toBe(at);
      expect(Number(header.readBigUInt64LE(32))).toBe(at === 1 ? last : 1);
      const rowsAt = Number(header.readBigUInt64LE(72)) * 512;
      expect(crc32(bytes.subarray(rowsAt, rowsAt + 16_384))).toBe(header.readUInt32LE(88));
      const sum = header.readUInt32LE(16);
      header.writeUInt32LE(0, 16);
      expect(crc32(header)).toBe(sum);
    }
  });

  it("refuses what cannot be a partition", () => {
    expect(() => planLayersDisk([{ path: "/odd", sizeBytes: 5_000 }])).toThrow("no multiple of 4096");
    const many = Array.from({ length: 129 }, (_, at) => ({ path: `/${at}`, sizeBytes: 4_096 }));
    expect(() => planLayersDisk(many)).toThrow("more than 128");
    expect(planLayersDisk(many.slice(1)).partitions).toHaveLength(128);
  });
});

describe(vmdkDescriptor, () => {
  it("names every piece with its sectors", () => {
    const text = vmdkDescriptor(planLayersDisk(LAYERS), (piece, at) =>
      piece.kind === "file" ? piece.path : `/dev/fdset/${at}`,
    );
    expect(text.split("\n").filter((line) => line.startsWith("RW"))).toEqual([
      'RW 40 FLAT "/dev/fdset/0" 0',
      'RW 16 FLAT "/a.erofs" 0',
      'RW 8 FLAT "/b.erofs" 0',
      'RW 40 FLAT "/dev/fdset/3" 0',
    ]);
  });
});
