import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { createWriteStream } from "node:fs";
import { open, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { sha256Of, soon, tempDir } from "../../test/fixtures";
import { packedAtMost, packFile, unpackFile } from "./packed";

describe(packFile, () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  const at = (name: string): string => join(dir.path, name);
  const unpack = (sizeBytes: number) =>
    unpackFile({ from: at("packed"), to: at("to"), key: "k", sizeBytes }, soon()).catch((thrown) => thrown);
  beforeEach(async () => {
    dir = await tempDir();
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  /** @returns how many bytes it takes packed */
  async function pack(content: Uint8Array): Promise<number> {
    await writeFile(at("from"), content);
    await pipeline(packFile(at("from")), createWriteStream(at("packed")));
    return (await stat(at("packed"))).size;
  }

  it.each([0, 1, 4095, 4096, 4097, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 9_000_000])(
    "gives %d bytes back, of noise and of nothing",
    async (sizeBytes) => {
      const noise = Buffer.alloc(sizeBytes);
      for (let from = 0; from < sizeBytes; from += 65_536) crypto.getRandomValues(noise.subarray(from, from + 65_536));
      for (const content of [noise, Buffer.alloc(sizeBytes)]) {
        expect(await pack(content)).toBeLessThanOrEqual(packedAtMost(sizeBytes));
        expect(await unpack(sizeBytes)).toEqual({ sha256: sha256Of(content), sizeBytes });
        expect((await readFile(at("to"))).equals(content)).toBe(true);
      }
    },
  );

  it("makes nothing of holes, on both sides", async () => {
    const sizeBytes = 300_000_000;
    await writeFile(at("from"), "begins");
    await truncate(at("from"), sizeBytes);
    {
      await using file = await open(at("from"), "r+");
      await file.write(Buffer.from("somewhere"), 0, 9, 123_456_789);
    }
    await pipeline(packFile(at("from")), createWriteStream(at("packed")));
    expect((await stat(at("packed"))).size).toBeLessThan(50_000);
    expect(await unpack(sizeBytes)).toMatchObject({ sizeBytes });
    const { size, blocks } = await stat(at("to"));
    expect([size, blocks * 512 < 100_000]).toEqual([sizeBytes, true]);
    await using file = await open(at("to"), "r");
    const { buffer } = await file.read(Buffer.alloc(11), 0, 11, 123_456_788);
    expect(buffer.toString()).toBe("\0somewhere\0");
  });

  it("refuses what was cut, holds more than it should, or is something else", async () => {
    const content = Buffer.alloc(100_000, "some text, and ");
    const packedBytes = await pack(content);
    expect(await unpack(99_999)).toMatchObject({ code: "storage_corrupt" });
    await truncate(at("packed"), packedBytes - 3);
    const cut = await unpack(content.length);
    // A cut between two frames is no error of zstd's: who asked compares size and checksum.
    expect(cut.code === "storage_corrupt" || cut.sizeBytes < content.length).toBe(true);
    await writeFile(at("packed"), "no frame of zstd's");
    expect(await unpack(content.length)).toMatchObject({ code: "storage_corrupt" });
  });

  it("ends with an error for a file that is not there", async () => {
    await expect(pipeline(packFile(at("none")), createWriteStream(at("packed")))).rejects.toThrow("ENOENT");
  });
});
