import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Secret } from "@sandlot/config";
import type { ObjectStore } from "../src/object-store";
import { openS3ObjectStore } from "../src/objects/open-s3";
import { soon, tempDir } from "./fixtures";
import { objectStoreConformance } from "./object-store-conformance";
import { type Hop, type S3Server, settingsFor, startHop, startS3 } from "./s3-server";

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(() => "fine").catch((thrown) => thrown.code ?? thrown);

describe("S3", () => {
  let s3: S3Server;
  let hop: Hop;
  let store: ObjectStore;
  beforeAll(async () => {
    s3 = await startS3();
    hop = await startHop(s3.url);
    store = await openS3ObjectStore(s3.settings());
  }, 60_000);
  afterAll(async () => {
    await store[Symbol.asyncDispose]();
    await hop[Symbol.asyncDispose]();
    await s3[Symbol.asyncDispose]();
  }, 60_000);

  objectStoreConformance(() => store, { manyKeys: 1_005 });

  it("says who is refused, and that a bucket is not there", async () => {
    const stranger = await openS3ObjectStore(settingsFor(s3.strictUrl, { secretAccessKey: new Secret("wrong") }));
    expect(await codeOf(stranger.getBytes("a/one", soon()))).toBe("storage_refused");
    const elsewhere = await openS3ObjectStore(s3.settings({ bucket: "nowhere" }));
    expect(await codeOf(elsewhere.getBytes("a/one", soon()))).toBe("storage_refused");
    const nobody = await openS3ObjectStore(settingsFor("http://127.0.0.1:1", { maxAttempts: 1 }));
    expect(await codeOf(nobody.getBytes("a/one", soon()))).toBe("storage_unreachable");
  });

  it("gives links for one upload each, which nobody can turn to another object", async () => {
    const strict = await openS3ObjectStore(settingsFor(s3.strictUrl));
    const url = (await strict.uploadLink({ key: "team/files/0123.tar", ttlSeconds: 60 })) ?? "";
    const put = async (to: string): Promise<number> => (await fetch(to, { method: "PUT", body: "hello" })).status;
    expect(await put(url)).toBe(200);
    expect(await put(url.replace("0123.tar", "0124.tar"))).toBe(403);
    expect(new TextDecoder().decode(await store.getBytes("team/files/0123.tar", soon()))).toBe("hello");
    expect(await store.head("team/files/0124.tar", soon())).toBeUndefined();
  });

  it("tries again while the store is busy, and says so when it stays that way", async () => {
    const patient = await openS3ObjectStore(settingsFor(hop.url));
    hop.mood = "busy";
    const waiting = patient.putBytes({ key: "busy/one", bytes: new Uint8Array([1]) }, soon());
    await Bun.sleep(60);
    hop.mood = "well";
    await waiting;
    expect((await store.head("busy/one", soon()))?.sizeBytes).toBe(1);
    hop.mood = "busy";
    const hasty = await openS3ObjectStore(settingsFor(hop.url, { maxAttempts: 2 }));
    const before = hop.requests;
    expect(await codeOf(hasty.putBytes({ key: "busy/two", bytes: new Uint8Array([1]) }, soon()))).toBe(
      "storage_unreachable",
    );
    expect(hop.requests - before).toBe(2);
    hop.mood = "well";
  });

  it("takes up a download where it was cut, to the byte", async () => {
    await using dir = await tempDir();
    const bytes = randomBytes(3_000_001);
    await writeFile(join(dir.path, "from"), bytes);
    await store.putFile({ key: "cut/one", path: join(dir.path, "from") }, soon());
    hop.mood = "cut";
    hop.cuts = 0;
    const through = await openS3ObjectStore(settingsFor(hop.url));
    const path = join(dir.path, "to");
    const getting = through.getFile({ key: "cut/one", path }, soon());
    while (hop.cuts < 2) await Bun.sleep(10);
    hop.mood = "well";
    await getting;
    const hash = (content: Buffer): string => createHash("sha256").update(content).digest("hex");
    expect(hash(await readFile(path))).toBe(hash(bytes));
    hop.mood = "cut";
    expect(await codeOf(through.getFile({ key: "cut/one", path: join(dir.path, "never") }, soon()))).toBe(
      "storage_unreachable",
    );
    hop.mood = "well";
    expect((await readdir(dir.path)).sort()).toEqual(["from", "to"]);
  }, 60_000);
});
