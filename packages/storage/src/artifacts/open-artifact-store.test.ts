import { describe, expect, it } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  commitDraft,
  GUEST,
  makeGuestLayer,
  manifestOf,
  NOTHING_PINNED,
  sha256Of,
  soon,
  tempDir,
} from "../../test/fixtures";
import { storedMemoryBytes } from "./manifest";
import { openArtifactStore } from "./open-artifact-store";

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(() => "fine").catch((thrown) => thrown.code ?? thrown);
const whyOf = (work: Promise<unknown>): Promise<string> => work.then(() => "fine").catch((thrown) => thrown.message);
/** Beyond the age in which a file may still be somebody's who has not written its manifest yet. */
const later = (): number => Date.now() + 120_000;

describe(openArtifactStore, () => {
  it("gives back what was committed, layers newest first, memory and guest layer as directories", async () => {
    await using dir = await tempDir();
    await makeGuestLayer(dir.path);
    await using store = await openArtifactStore({ directory: dir.path });
    const base = await commitDraft(store, { buildId: "base", layer: "base layer" });
    const snap = await commitDraft(store, { buildId: "snap", layer: "upper", below: base.layers, memory: "pages" });
    const loaded = await store.load("snap", soon());
    expect(loaded.manifest).toEqual(snap);
    expect(await Promise.all(loaded.layerPaths.map((path) => readFile(path, "utf8")))).toEqual(["upper", "base layer"]);
    expect(await readFile(join(loaded.memoryDir ?? "", "pages-1.img"), "utf8")).toBe("pages");
    expect(loaded.guestLayerDir).toBe(join(dir.path, "guest", GUEST));
    expect(await readdir(join(dir.path, "staging"))).toEqual([]);
    expect([
      await store.has("snap", soon()),
      await store.has("other", soon()),
      await store.has("../x", soon()),
    ]).toEqual([true, false, false]);
  });

  it("tells what memory takes on the disk, holes left out, also after a restart", async () => {
    await using dir = await tempDir();
    await makeGuestLayer(dir.path);
    const memory = `begins${"\0".repeat(3_000_000)}ends`;
    {
      await using store = await openArtifactStore({ directory: dir.path });
      const written = await commitDraft(store, { buildId: "holes", layer: "of holes", memory });
      expect((await store.load("holes", soon())).manifest).toEqual(written);
    }
    await using store = await openArtifactStore({ directory: dir.path });
    const { manifest } = await store.load("holes", soon());
    const [pages, core] = manifest.memory?.files ?? [];
    expect(pages?.sizeBytes).toBe(memory.length);
    expect(pages?.storedBytes).toBeLessThan(300_000);
    expect(pages?.storedBytes).toBeGreaterThan(0);
    expect(core?.storedBytes).toBeUndefined(); // it takes no less than its size
    expect(storedMemoryBytes(manifest)).toBe((pages?.storedBytes ?? 0) + (core?.sizeBytes ?? 0));
  });

  it("refuses what is not what its manifest says, and leaves nothing of it", async () => {
    await using dir = await tempDir();
    await using store = await openArtifactStore({ directory: dir.path });
    const base = await commitDraft(store, { buildId: "base", layer: "base layer" });
    expect(await codeOf(commitDraft(store, { buildId: "base", layer: "another" }))).toBe("storage_exists");
    expect(await codeOf(commitDraft(store, { buildId: "a/b", layer: "x" }))).toBe("storage_bad_key");
    const below = [{ sha256: "ab".repeat(32), sizeBytes: 1 }];
    expect(await codeOf(commitDraft(store, { buildId: "orphan", layer: "x", below }))).toBe("storage_missing");
    await using staged = await store.stage();
    await writeFile(join(staged.directory, "l"), "short");
    const manifest = manifestOf({ buildId: "short", layer: "longer than that", below: base.layers });
    expect(await codeOf(store.commit({ manifest, staged, layer: "l" }))).toBe("storage_incomplete");
    expect(await store.has("short", soon())).toBe(false);
    expect(await codeOf(store.load("short", soon()))).toBe("storage_missing");
  });

  it("names the file that was damaged after it was written, and believes an unchanged one without reading it", async () => {
    await using dir = await tempDir();
    await makeGuestLayer(dir.path);
    {
      await using store = await openArtifactStore({ directory: dir.path });
      const { layers } = await commitDraft(store, { buildId: "b", layer: "a layer", memory: "pages" });
      await utimes(join(dir.path, `layers/${layers[0]?.sha256}.erofs`), 1_000, 1_000);
      await store.load("b", soon());
    }
    await using store = await openArtifactStore({ directory: dir.path });
    const layer = (await store.load("b", soon())).layerPaths[0] ?? "";
    // The same inode, size and time: only reading it could tell, and that is not done twice.
    await writeFile(layer, "A layer");
    await utimes(layer, 1_000, 1_000);
    await store.load("b", soon());
    const pages = join(dir.path, "builds/b/memory/pages-1.img");
    await writeFile(pages, "pagez");
    expect(await whyOf(store.load("b", soon()))).toMatch(
      /^'builds\/b\/memory\/pages-1.img' in the store is damaged: its SHA/,
    );
    await truncate(pages, 2);
    expect(await whyOf(store.load("b", soon()))).toMatch(
      /^'builds\/b\/memory\/pages-1.img' in the store is damaged: 2 bytes/,
    );
    await rm(pages);
    expect(await whyOf(store.load("b", soon()))).toBe("'builds/b/memory/pages-1.img' is not in the store");
    await utimes(layer, 2_000, 2_000);
    expect(await whyOf(store.load("b", soon()))).toMatch(/^'layers\/.*erofs' in the store is damaged/);
  });

  it("says which manifest it cannot understand", async () => {
    await using dir = await tempDir();
    await using store = await openArtifactStore({ directory: dir.path });
    await mkdir(join(dir.path, "builds/b"));
    for (const text of [
      "{",
      "null",
      '{"version":3}',
      '{"version":4}',
      '{"version":1,"layers":[]}',
      '{"version":1,"layers":["../../etc"]}',
    ]) {
      await writeFile(join(dir.path, "builds/b/build.json"), text);
      expect(await codeOf(store.load("b", soon()))).toBe("storage_corrupt");
    }
  });

  it("keeps a microVM's disk apart from erofs layers, and older releases from reading such a build", async () => {
    await using dir = await tempDir();
    let nowMs = Date.now();
    await using store = await openArtifactStore({ directory: dir.path, nowMs: () => nowMs });
    const base = await commitDraft(store, { buildId: "base", layer: "base layer" });
    const disk = { buildId: "disk", layer: "base layer", below: base.layers, kind: "qcow2" } as const;
    const { layers } = await commitDraft(store, disk);
    const load = await store.load("disk", soon());
    expect(load.manifest.layers).toEqual(layers);
    expect(load.layerPaths.map((path) => path.split(".").at(-1))).toEqual(["qcow2", "erofs"]);
    const versionOf = async (id: string): Promise<unknown> =>
      JSON.parse(await readFile(join(dir.path, `builds/${id}/build.json`), "utf8")).version;
    expect([await versionOf("base"), await versionOf("disk")]).toEqual([2, 3]);
    nowMs = later();
    expect(await store.collect(NOTHING_PINNED)).toBe(0);
    await store.remove(["disk"], soon());
    expect(await store.collect(NOTHING_PINNED)).toBe("base layer".length);
    expect(await store.load("base", soon())).toBeDefined();
    const odd = { ...base, version: 3, buildId: "odd", layers: [{ ...base.layers[0], kind: "raw" }] };
    await mkdir(join(dir.path, "builds/odd"));
    await writeFile(join(dir.path, "builds/odd/build.json"), JSON.stringify(odd));
    expect(await codeOf(store.load("odd", soon()))).toBe("storage_corrupt");
  });

  it("reads version 1, whose layers have no sizes", async () => {
    await using dir = await tempDir();
    await using store = await openArtifactStore({ directory: dir.path });
    const sha256 = sha256Of("old base");
    await writeFile(join(dir.path, `layers/${sha256}.erofs`), "old base");
    await mkdir(join(dir.path, "builds/old"));
    const record = { version: 1, buildId: "old", layers: [`layers/${sha256}.erofs`], user: "me", workdir: "/w" };
    await writeFile(join(dir.path, "builds/old/build.json"), JSON.stringify(record));
    const { manifest, layerPaths } = await store.load("old", soon());
    expect(manifest).toMatchObject({ version: 2, user: "me", workdir: "/w", layers: [{ sha256 }] });
    expect(layerPaths).toEqual([join(dir.path, `layers/${sha256}.erofs`)]);
    await writeFile(layerPaths[0] ?? "", "bad base");
    expect(await codeOf(store.load("old", soon()))).toBe("storage_corrupt");
  });

  it("removes builds, and their files once nobody refers to them", async () => {
    await using dir = await tempDir();
    await makeGuestLayer(dir.path);
    let nowMs = Date.now();
    await using store = await openArtifactStore({ directory: dir.path, nowMs: () => nowMs });
    const base = await commitDraft(store, { buildId: "base", layer: "base layer" });
    const snap = await commitDraft(store, { buildId: "snap", layer: "upper", below: base.layers, memory: "pages" });
    const pathOf = (at: number): string => join(dir.path, `layers/${snap.layers[at]?.sha256}.erofs`);
    await store.remove(["snap", "never there"], soon());
    expect(await store.has("snap", soon())).toBe(false);
    expect(await store.collect(NOTHING_PINNED)).toBe(0);
    nowMs = later();
    const guestLayers = new Set([join(dir.path, "guest", GUEST)]);
    expect(await store.collect({ layerPaths: new Set([pathOf(0)]), guestLayers })).toBe(0);
    await using staged = await store.stage({ layers: snap.layers.slice(0, 1) });
    expect(await store.collect({ ...NOTHING_PINNED, guestLayers })).toBe(0);
    await staged[Symbol.asyncDispose]();
    expect(await store.collect(NOTHING_PINNED)).toBe("upper".length + "the first process".length);
    expect([existsSync(pathOf(0)), existsSync(pathOf(1)), existsSync(join(dir.path, "guest", GUEST))]).toEqual([
      false,
      true,
      false,
    ]);
    expect(await readdir(join(dir.path, "verified"))).toHaveLength(1);
  });

  it("collects beside a manifest that cannot be understood, and keeps what that one mentions", async () => {
    await using dir = await tempDir();
    await makeGuestLayer(dir.path);
    let nowMs = Date.now();
    await using store = await openArtifactStore({ directory: dir.path, nowMs: () => nowMs });
    const base = await commitDraft(store, { buildId: "base", layer: "base layer" });
    await commitDraft(store, { buildId: "cut", layer: "upper", below: base.layers, memory: "pages" });
    await commitDraft(store, { buildId: "gone", layer: "nobody's" });
    const path = join(dir.path, "builds/cut/build.json");
    await writeFile(path, (await readFile(path, "utf8")).replace("{", "{,"));
    await mkdir(join(dir.path, "builds/empty"));
    await writeFile(join(dir.path, "builds/empty/build.json"), "");
    nowMs = later();
    await store.remove(["gone"], soon());
    expect(await store.collect(NOTHING_PINNED)).toBe("nobody's".length);
    expect(await readdir(join(dir.path, "layers"))).toHaveLength(2);
    expect(existsSync(join(dir.path, "guest", GUEST))).toBe(true);
  });

  it("does not take a layer away from a commit that found it there", async () => {
    await using dir = await tempDir();
    await using store = await openArtifactStore({ directory: dir.path, nowMs: later });
    for (let round = 0; round < 8; round += 1) {
      await commitDraft(store, { buildId: `first${round}`, layer: "the same" });
      await store.remove([`first${round}`], soon());
      const committing = commitDraft(store, { buildId: `second${round}`, layer: "the same" });
      await Bun.sleep(round % 3);
      await Promise.all([store.collect(NOTHING_PINNED), committing]);
      await store.load(`second${round}`, soon());
      await store.remove([`second${round}`], soon());
    }
  });

  it("empties the staging place at its start", async () => {
    await using dir = await tempDir();
    await mkdir(join(dir.path, "staging/half/memory"), { recursive: true });
    await writeFile(join(dir.path, "staging/half/memory/pages-1.img"), "half");
    await using _store = await openArtifactStore({ directory: dir.path });
    expect(await readdir(join(dir.path, "staging"))).toEqual([]);
  });
});

it("commits although nothing can be noted down about what was verified", async () => {
  await using dir = await tempDir();
  await using store = await openArtifactStore({ directory: dir.path });
  await rm(join(dir.path, "verified"), { recursive: true });
  await commitDraft(store, { buildId: "b", layer: "a layer" });
  expect((await store.load("b", soon())).layerPaths).toHaveLength(1);
});
