import { describe, expect, it } from "bun:test";
import { gzipSync } from "node:zlib";
import { inspectContext } from "./inspect-context";
import { TarInspector } from "./tar-inspector";

type Entry = { name: string; type?: string; data?: string; link?: string };

/** A tar as clients write it. */
function tarOf(entries: readonly Entry[], isWhole = true): Buffer {
  const blocks = entries.flatMap(({ name, type = "0", data = "", link = "" }) => {
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write("0000644\0", 100);
    header.write(`${Buffer.byteLength(data).toString(8).padStart(11, "0")}\0`, 124);
    header.write("        ", 148);
    header.write(type, 156);
    header.write(link, 157, 100);
    header.write("ustar\x0000", 257, "latin1");
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(data) / 512) * 512);
    body.write(data);
    return [header, body];
  });
  return Buffer.concat([...blocks, Buffer.alloc(isWhole ? 1024 : 0)]);
}

function pax(key: string, value: string): Entry {
  const rest = ` ${key}=${value}\n`;
  const length = rest.length + 2 + (rest.length + 2 > 99 ? 1 : 0);
  return { name: "pax", type: "x", data: `${length}${rest}` };
}

async function look(tar: Buffer, limits?: ConstructorParameters<typeof TarInspector>[0]) {
  async function* pieces() {
    for (let at = 0; at < tar.length; at += 700) yield tar.subarray(at, at + 700);
  }
  return inspectContext(pieces(), new AbortController().signal, limits);
}

describe(TarInspector, () => {
  it("counts what is in order, plain and gzipped, in pieces of any size", async () => {
    const tar = tarOf([
      { name: "a/", type: "5" },
      { name: "a/b.txt", data: "x".repeat(700) },
      { name: "l", type: "2", link: "/etc" },
    ]);
    expect(await look(tar)).toEqual({ entries: 3, unpackedBytes: 700 });
    expect(await look(gzipSync(tar))).toEqual({ entries: 3, unpackedBytes: 700 });
  });

  const REFUSED: [string, Entry[], string][] = [
    ["a name that leads out", [{ name: "a/../../b" }], "leads out of the context"],
    ["an absolute name", [{ name: "/etc/passwd" }], "is absolute"],
    [
      "a name that only its extended header makes absolute",
      [pax("path", "/etc/passwd"), { name: "fine" }],
      "is absolute",
    ],
    ["a hard link out", [{ name: "h", type: "1", link: "../../etc/shadow" }], "leads out of the context"],
    ["a hard link to an absolute name", [{ name: "h", type: "1", link: "/etc/shadow" }], "is absolute"],
    [
      "writing through a link of the archive",
      [
        { name: "l", type: "2", link: "/etc" },
        { name: "l/cron.d/x", data: "x" },
      ],
      "below a link",
    ],
    ["a device", [{ name: "sda", type: "4" }], "is a block device"],
    ["a pipe", [{ name: "p", type: "6" }], "is a pipe"],
  ];
  for (const [what, entries, why] of REFUSED) {
    it(`refuses ${what}`, async () => {
      await expect(look(tarOf(entries))).rejects.toThrow(why);
    });
  }

  it("refuses what is cut off, in the archive and in its compression", async () => {
    const tar = tarOf([{ name: "a", data: "x".repeat(5000) }]);
    await expect(look(tarOf([{ name: "a", data: "x" }], false))).rejects.toThrow("its end is missing");
    await expect(look(tar.subarray(0, 2000))).rejects.toThrow("its end is missing");
    const zipped = gzipSync(tar);
    await expect(look(zipped.subarray(0, zipped.length - 12))).rejects.toThrow("cut off or damaged");
    await expect(look(Buffer.from("this is no archive".repeat(100)))).rejects.toThrow("not a tar");
    await expect(look(Buffer.alloc(0))).rejects.toThrow("empty");
  });

  it("refuses bombs before they are unpacked", async () => {
    const small = { unpackedBytes: 1000, entries: 3, pathBytes: 20 };
    await expect(look(gzipSync(tarOf([{ name: "zeros", data: "0".repeat(1001) }])), small)).rejects.toThrow(
      "larger than",
    );
    await expect(look(tarOf(["a", "b", "c", "d"].map((name) => ({ name }))), small)).rejects.toThrow(
      "more than 3 entries",
    );
    await expect(look(tarOf([{ name: "n".repeat(21) }]), small)).rejects.toThrow("name is too long");
  });
});
