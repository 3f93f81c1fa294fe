/** What every object store must show. Run under `bun test`. */
import { expect, it } from "bun:test";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { ObjectStore } from "../src/object-store";
import { soon, tempDir } from "./fixtures";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(() => "fine").catch((thrown) => thrown.code ?? thrown);

/** @param of.manyKeys more than one page of a list holds */
export function objectStoreConformance(open: () => ObjectStore, of: { manyKeys: number }): void {
  it("keeps bytes under their name, and replaces them whole", async () => {
    const store = open();
    await store.putBytes({ key: "a/one", bytes: bytesOf("first, and longer") }, soon());
    await store.putBytes({ key: "a/one", bytes: bytesOf("second") }, soon());
    expect(textOf(await store.getBytes("a/one", soon()))).toBe("second");
    expect(await store.head("a/one", soon())).toMatchObject({ key: "a/one", sizeBytes: 6 });
    const age = Date.now() - ((await store.head("a/one", soon()))?.changedAtMs ?? 0);
    expect(Math.abs(age)).toBeLessThan(60_000);
    await store.putBytes({ key: "empty", bytes: new Uint8Array() }, soon());
    expect((await store.getBytes("empty", soon())).length).toBe(0);
  });

  it("keeps files, also large ones, to the byte", async () => {
    const store = open();
    await using dir = await tempDir();
    for (const sizeBytes of [0, 1, 21_000_003]) {
      const from = join(dir.path, "from");
      const bytes = Buffer.alloc(sizeBytes, `of ${sizeBytes} `);
      await writeFile(from, bytes);
      await store.putFile({ key: `files/${sizeBytes}`, path: from }, soon());
      const to = join(dir.path, "to");
      await store.getFile({ key: `files/${sizeBytes}`, path: to }, soon());
      const hash = (content: Buffer): string => createHash("sha256").update(content).digest("hex");
      expect(hash(await readFile(to))).toBe(hash(bytes));
    }
    expect((await stat(join(dir.path, "from"))).size).toBe(21_000_003);
  });

  it("takes streams as they are made, and nothing of one that breaks off or is called off", async () => {
    const store = open();
    const bytes = Buffer.alloc(9_000_000, "streamed ");
    async function* pieces(fails: boolean): AsyncGenerator<Buffer> {
      for (let at = 0; at < bytes.length; at += 1_000_000) yield bytes.subarray(at, at + 1_000_000);
      if (fails) throw new Error("the source broke");
    }
    const put = (key: string, fails: boolean, signal = soon()): Promise<unknown> => {
      const stream = Readable.from(pieces(fails), { objectMode: false });
      const done = store.putStream({ key, bytes: stream, atMostBytes: bytes.length + 5_000 }, signal);
      return done.then(
        () => stream.destroyed,
        (thrown) => [stream.destroyed, String(thrown.message)],
      );
    };
    expect(await put("streams/whole", false)).toBe(true);
    expect(Buffer.from(await store.getBytes("streams/whole", soon())).equals(bytes)).toBe(true);
    expect(await put("streams/broken", true)).toEqual([true, expect.stringContaining("the source broke")]);
    expect(await put("streams/late", false, AbortSignal.abort(new Error("enough")))).toEqual([true, "enough"]);
    expect(await listed(store, "streams/")).toEqual(["streams/whole"]);
  }, 20_000);

  it("says what is not there, and leaves no file of it", async () => {
    const store = open();
    await using dir = await tempDir();
    expect(await store.head("none", soon())).toBeUndefined();
    expect(await codeOf(store.getBytes("none", soon()))).toBe("storage_missing");
    expect(await codeOf(store.getFile({ key: "none", path: join(dir.path, "x") }, soon()))).toBe("storage_missing");
    expect(await readdir(dir.path)).toEqual([]);
    await store.remove("none", soon());
    expect(await codeOf(store.putFile({ key: "k", path: join(dir.path, "no file") }, soon()))).not.toBe("fine");
  });

  it("lists by prefix in the order of names, more than one page of them, and forgets what is removed", async () => {
    const store = open();
    const keys = Array.from({ length: of.manyKeys }, (_, at) => `list/${String(at).padStart(4, "0")}`);
    for (let at = 0; at < keys.length; at += 50)
      await Promise.all(
        keys.slice(at, at + 50).map((key) => store.putBytes({ key, bytes: bytesOf(key) }, AbortSignal.timeout(30_000))),
      );
    await store.putBytes({ key: "listing", bytes: bytesOf("beside") }, soon());
    expect(await listed(store, "list/")).toEqual(keys);
    expect(await listed(store, "list/000")).toEqual(keys.slice(0, 10));
    expect(await listed(store, "nothing/")).toEqual([]);
    await store.remove("list/0003", soon());
    expect(await listed(store, "list/000")).toHaveLength(9);
    expect(await store.head("list/0003", soon())).toBeUndefined();
  }, 60_000);

  it("takes no name that leads elsewhere", async () => {
    const store = open();
    for (const key of ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/./b", "a\0b", "a b", "x".repeat(1_000)])
      expect(await codeOf(store.putBytes({ key, bytes: bytesOf("x") }, soon()))).toBe("storage_bad_key");
  });

  it("stops when told to, with the reason given", async () => {
    const store = open();
    const reason = new Error("enough");
    expect(await store.getBytes("a/one", AbortSignal.abort(reason)).catch((thrown) => thrown)).toBe(reason);
    await using dir = await tempDir();
    await mkdir(join(dir.path, "d"));
    const path = join(dir.path, "d/file");
    await writeFile(path, "x");
    expect(await store.putFile({ key: "a/late", path }, AbortSignal.abort(reason)).catch((thrown) => thrown)).toBe(
      reason,
    );
    expect(await store.head("a/late", soon())).toBeUndefined();
  });
}

async function listed(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, AbortSignal.timeout(30_000))) keys.push(key);
  return keys;
}
