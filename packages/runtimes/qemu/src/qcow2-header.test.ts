import { describe, expect, it } from "bun:test";
import { parseQcow2Header } from "./qcow2-header";

function header(change: (bytes: Buffer) => void = () => undefined): Buffer {
  const bytes = Buffer.alloc(104);
  bytes.writeUInt32BE(0x514649fb, 0);
  bytes.writeUInt32BE(3, 4);
  bytes.writeBigUInt64BE(1n << 30n, 24);
  change(bytes);
  return bytes;
}

describe("the head of a changed disk", () => {
  it("tells its size, and whether it lies on another", () => {
    expect(parseQcow2Header("d", header())).toEqual({ virtualBytes: 2 ** 30, hasBacking: false });
    const lies = header((bytes) => bytes.writeBigUInt64BE(200n, 8));
    expect(parseQcow2Header("d", lies).hasBacking).toBe(true);
  });

  it.each([
    ["cut short", (bytes: Buffer) => bytes.subarray(0, 103), /no qcow2/],
    ["something else", (bytes: Buffer) => bytes.fill(0, 0, 4), /no qcow2/],
    ["older", (bytes: Buffer) => void bytes.writeUInt32BE(2, 4), /version 3/],
    ["encrypted", (bytes: Buffer) => void bytes.writeUInt32BE(1, 32), /encrypted/],
    ["with snapshots", (bytes: Buffer) => void bytes.writeUInt32BE(1, 60), /snapshots/],
    ["with its data in another file", (bytes: Buffer) => void bytes.writeBigUInt64BE(4n, 72), /features 4/],
    ["marked as corrupt", (bytes: Buffer) => void bytes.writeBigUInt64BE(2n, 72), /features 2/],
    ["without size", (bytes: Buffer) => void bytes.writeBigUInt64BE(0n, 24), /of 0 bytes/],
    ["beyond all sizes", (bytes: Buffer) => void bytes.writeBigUInt64BE(2n ** 63n, 24), /bytes/],
  ])("refuses one that is %s, by name", (_, change, says) => {
    const bytes = header();
    const changed = change(bytes);
    const thrown = (() => {
      try {
        parseQcow2Header("d.qcow2", Buffer.isBuffer(changed) ? changed : bytes);
      } catch (fault) {
        return fault as Error;
      }
    })();
    expect(thrown?.message).toMatch(says);
    expect(thrown?.message).toContain("d.qcow2");
  });
});
