import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { existsSync } from "node:fs";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ArtifactStore } from "../src/artifact-store";
import { openArtifactStore } from "../src/artifacts/open-artifact-store";
import type { ObjectStore } from "../src/object-store";
import { openLocalObjectStore } from "../src/objects/open-local";
import { openS3ObjectStore } from "../src/objects/open-s3";
import { commitDraft, GUEST, makeGuestLayer, NOTHING_PINNED, soon, tempDir } from "./fixtures";
import { type Hop, type S3Server, settingsFor, startHop, startS3 } from "./s3-server";

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(() => "fine").catch((thrown) => thrown.code ?? thrown);
const restsMs = [30];

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + 40_000; !(await what()); await Bun.sleep(20))
    if (Date.now() > endMs) throw new Error(`waited in vain: ${what}`);
}

const uploaded = (store: ArtifactStore): Promise<void> => until(() => store.pendingUploads === 0);

async function keysOf(remote: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of remote.list("", soon())) keys.push(key);
  return keys;
}

describe.each(["local", "s3"] as const)("two nodes on one %s store", (kind) => {
  let s3: S3Server | undefined;
  let hop: Hop | undefined;
  let shared: Awaited<ReturnType<typeof tempDir>>;
  let remote: ObjectStore;
  beforeAll(async () => {
    shared = await tempDir();
    if (kind === "local") {
      remote = await openLocalObjectStore({ directory: shared.path });
      return;
    }
    s3 = await startS3();
    hop = await startHop(s3.url);
    remote = await openS3ObjectStore(settingsFor(hop.url, { maxAttempts: 1 }));
  });
  afterAll(async () => {
    await remote[Symbol.asyncDispose]();
    await hop?.[Symbol.asyncDispose]();
    await s3?.[Symbol.asyncDispose]();
    await shared[Symbol.asyncDispose]();
  });

  it("loads on one what was committed on the other, guest layer with its modes and all", async () => {
    await using a = await tempDir();
    await using b = await tempDir();
    await makeGuestLayer(a.path);
    await using here = await openArtifactStore({ directory: a.path, remote, restsMs });
    const base = await commitDraft(here, { buildId: "base", layer: "base layer" });
    await commitDraft(here, { buildId: "snap", layer: "upper", below: base.layers, memory: "pages" });
    await commitDraft(here, { buildId: "disk", layer: "a disk", below: base.layers, kind: "qcow2" });
    await uploaded(here);
    await using there = await openArtifactStore({ directory: b.path, remote, restsMs });
    expect(await there.has("snap", soon())).toBe(true);
    const [loaded] = await Promise.all([
      there.load("snap", soon()),
      there.load("snap", soon()),
      there.load("base", soon()),
    ]);
    expect(await Promise.all(loaded.layerPaths.map((path) => readFile(path, "utf8")))).toEqual(["upper", "base layer"]);
    expect(await readFile(join(loaded.memoryDir ?? "", "core-1.img"), "utf8")).toBe("core of pages");
    const init = join(loaded.guestLayerDir ?? "", "usr/lib/init");
    expect([await readFile(init, "utf8"), (await stat(init)).mode & 0o777]).toEqual(["the first process", 0o755]);
    expect(await readdir(join(b.path, "staging"))).toEqual([]);
    const disk = await there.load("disk", soon());
    expect(disk.manifest.layers[0]?.kind).toBe("qcow2");
    expect(await readFile(disk.layerPaths[0] ?? "", "utf8")).toBe("a disk");
    // What was fetched is not sent back.
    expect(there.pendingUploads).toBe(0);
    await here.remove(["snap"], soon());
    expect(await here.has("snap", soon())).toBe(false);
    await until(async () => (await keysOf(remote)).every((key) => !key.startsWith("builds/snap/")));
    expect(await here.collect(NOTHING_PINNED)).toBe(0);
    expect((await there.load("snap", soon())).manifest.buildId).toBe("snap");
    await here.remove(["base", "disk"], soon());
    await until(async () => (await keysOf(remote)).every((key) => !key.startsWith("builds/")));
  });

  it("neither sends nor keeps the holes of memory, and gives them back as holes", async () => {
    await using a = await tempDir();
    await using b = await tempDir();
    await makeGuestLayer(a.path);
    await using here = await openArtifactStore({ directory: a.path, remote, restsMs });
    const memory = Buffer.alloc(20_000_001);
    memory.write("begins", 0);
    memory.write("in the middle", 9_999_000);
    await commitDraft(here, { buildId: "sparse", layer: "of sparse", memory: memory.toString("latin1") });
    await uploaded(here);
    let bytes = 0;
    for await (const object of remote.list("builds/sparse/", soon())) bytes += object.sizeBytes;
    expect(bytes).toBeLessThan(20_000);
    await using there = await openArtifactStore({ directory: b.path, remote, restsMs });
    const { memoryDir } = await there.load("sparse", soon());
    const path = join(memoryDir ?? "", "pages-1.img");
    expect((await readFile(path)).equals(memory)).toBe(true);
    expect((await stat(path)).blocks * 512).toBeLessThan(100_000);
    await here.remove(["sparse"], soon());
    await until(async () => (await keysOf(remote)).every((key) => !key.startsWith("builds/sparse/")));
  });

  it("collects layers whose last build is gone, and no others", async () => {
    await using a = await tempDir();
    // The time of a bucket's objects is told in whole seconds.
    const collectRules = { everyMs: 100, waitMs: 1_500, removeWithinMs: 1_000, settleMs: 50 };
    await using here = await openArtifactStore({ directory: a.path, remote, restsMs, collectRules });
    const below = await commitDraft(here, { buildId: "below", layer: "layer of below" });
    const above = await commitDraft(here, { buildId: "above", layer: "layer of above", below: below.layers });
    await uploaded(here);
    const isThere = async (at: number): Promise<boolean> =>
      (await remote.head(`layers/${above.layers[at]?.sha256}.erofs`, soon())) !== undefined;
    await here.remove(["above"], soon());
    await until(async () => !(await isThere(0)));
    expect(await isThere(1)).toBe(true);
    // Its marks are gone one day, too.
    await here.remove(["below"], soon());
    await until(async () => !(await isThere(1)));
    await until(async () => (await keysOf(remote)).every((key) => !key.includes(above.layers[0]?.sha256 ?? "")));
  }, 60_000);

  it("brings back a layer that this disk has lost", async () => {
    await using a = await tempDir();
    await using here = await openArtifactStore({ directory: a.path, remote, restsMs });
    await commitDraft(here, { buildId: "lost", layer: "a layer that gets lost" });
    await uploaded(here);
    const { layerPaths } = await here.load("lost", soon());
    await rm(layerPaths[0] ?? "");
    await here.load("lost", soon());
    expect(await readFile(layerPaths[0] ?? "", "utf8")).toBe("a layer that gets lost");
  });

  it("refuses a damaged object by its name, and keeps nothing of it", async () => {
    await using a = await tempDir();
    await using b = await tempDir();
    await makeGuestLayer(a.path);
    await using here = await openArtifactStore({ directory: a.path, remote, restsMs });
    await commitDraft(here, { buildId: "hurt", layer: "layer of hurt", memory: "hurt pages" });
    await uploaded(here);
    await using there = await openArtifactStore({ directory: b.path, remote, restsMs });
    const put = (key: string, text: string) => remote.putBytes({ key, bytes: new TextEncoder().encode(text) }, soon());
    const why = async () => (await there.load("hurt", soon()).catch((thrown) => thrown)).message;
    const packed = "builds/hurt/packed/pages-1.img.zst";
    const putPacked = async (text: string): Promise<void> =>
      remote.putBytes({ key: packed, bytes: Bun.zstdCompressSync(text) }, soon());
    await put(packed, "not zstd at all");
    expect(await why()).toMatch(/^'builds\/hurt\/packed\/pages-1.img.zst' in the store is damaged/);
    await putPacked("hurt pagez");
    expect(await why()).toMatch(/^'builds\/hurt\/packed\/pages-1.img.zst' in the store is damaged: its SHA/);
    await putPacked("hurt");
    expect(await why()).toMatch(/^'builds\/hurt\/packed\/pages-1.img.zst' in the store is damaged: 4 bytes/);
    await putPacked("hurt pages and a bomb");
    expect(await why()).toMatch(/zst' in the store is damaged: it holds more than 10 bytes/);
    await remote.remove(packed, soon());
    expect(await why()).toBe("'builds/hurt/memory/pages-1.img' is not in the store");
    // As older releases put it.
    await put("builds/hurt/memory/pages-1.img", "hurt pagez");
    expect(await why()).toMatch(/^'builds\/hurt\/memory\/pages-1.img' in the store is damaged: its SHA/);
    await put("builds/hurt/memory/pages-1.img", "hurt");
    expect(await why()).toMatch(/^'builds\/hurt\/memory\/pages-1.img' in the store is damaged: 4 bytes/);
    await put("builds/hurt/memory/pages-1.img", "hurt pages");
    await put(`guest/${GUEST}.tar`, "no archive");
    await rm(join(b.path, "guest", GUEST), { recursive: true, force: true });
    expect(await why()).toMatch(/^'guest\/.*tar' in the store is damaged/);
    await remote.remove(`guest/${GUEST}.tar.sha256`, soon());
    await put("builds/hurt/build.json", "{");
    expect(await why()).toMatch(/^'builds\/hurt\/build.json' in the store is damaged: not JSON/);
    expect(existsSync(join(b.path, "builds/hurt"))).toBe(false);
    expect(await readdir(join(b.path, "staging"))).toEqual([]);
  });

  it("goes on with uploads and removals after a restart, and gives a store configured later everything", async () => {
    await using a = await tempDir();
    {
      await using alone = await openArtifactStore({ directory: a.path });
      await commitDraft(alone, { buildId: "early", layer: "committed before there was a store" });
    }
    await writeFile(join(a.path, "pending/gone"), "remove\n");
    await remote.putBytes({ key: "builds/gone/build.json", bytes: new TextEncoder().encode("{}") }, soon());
    await using here = await openArtifactStore({ directory: a.path, remote, restsMs });
    expect(await here.has("gone", soon())).toBe(false);
    await uploaded(here);
    await until(async () => (await remote.head("builds/gone/build.json", soon())) === undefined);
    expect(await remote.head("builds/early/build.json", soon())).toBeDefined();
    expect(await readdir(join(a.path, "pending"))).toEqual([]);
  });

  if (kind === "local") return; // a directory is never away

  it("goes on committing while the store is away, and catches up", async () => {
    if (hop === undefined) throw new Error("there is no hop");
    await using a = await tempDir();
    await using here = await openArtifactStore({ directory: a.path, remote, restsMs });
    hop.mood = "busy";
    await commitDraft(here, { buildId: "away", layer: "while away" });
    await here.load("away", soon());
    expect(await codeOf(here.load("elsewhere", soon()))).toBe("storage_unreachable");
    await here.remove(["early"], soon());
    await Bun.sleep(200);
    expect(here.pendingUploads).toBe(1);
    hop.mood = "well";
    await uploaded(here);
    await until(async () => (await remote.head("builds/early/build.json", soon())) === undefined);
    expect(await remote.head("builds/away/build.json", soon())).toBeDefined();
  });
});
