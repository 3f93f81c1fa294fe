import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { mkdtemp, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ArtifactStore, type ObjectStore, openObjectStore } from "@sandlot/storage";
import { type LayerIndex, openLayerIndex } from "./layer-index";
import { trimCache } from "./trim-cache";

let directory: string;
let store: ObjectStore;
let index: LayerIndex;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sandlot-trim-"));
  store = await openObjectStore({ kind: "local", directory });
  index = openLayerIndex(store);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const { signal } = new AbortController();
const context = { user: "user", workdir: undefined, envs: {} };
const put = (key: string, buildId: string, isLayer: boolean, sizeBytes = 0) =>
  index.put({ scope: "team", key, layer: { buildId, context, isLayer, sizeBytes } }, signal);
const age = (path: string) => utimes(join(directory, "team", path), 1, 1);

describe(trimCache, () => {
  it("forgets what nobody used for long, and removes layers that nothing else names", async () => {
    await put("old", "layer-1", true);
    await put("old-too", "layer-2", true);
    await put("young", "layer-2", false); // a step that changed no disk names the layer before it
    await put("old-template", "a-template", false);
    await store.putBytes({ key: "team/files/old.tar", bytes: Buffer.from("x") }, signal);
    await store.putBytes({ key: "team/files/young.tar", bytes: Buffer.from("x") }, signal);
    for (const path of ["index/old", "index/old-too", "index/old-template", "files/old.tar"]) await age(path);
    const removed: string[] = [];
    const artifacts = {
      remove: async (ids: readonly string[]) => void removed.push(...ids),
    } as unknown as ArtifactStore;
    const trimmed = await trimCache({ buildCache: store, artifacts, nowMs: Date.now() }, signal);
    expect(trimmed).toEqual({ entries: 3, uploads: 1, layers: 1 });
    expect(removed).toEqual(["layer-1"]);
    expect((await index.find({ scope: "team", key: "young" }, signal))?.buildId).toBe("layer-2");
    expect(await store.head("team/files/young.tar", signal)).toBeDefined();
  });

  it("keeps no more than there is room for, the last used first", async () => {
    for (const [at, name] of ["first", "second", "third"].entries()) {
      await put(name, `layer-${name}`, true, 40);
      await utimes(join(directory, "team/index", name), Date.now() / 1000 - 100 + at, Date.now() / 1000 - 100 + at);
    }
    const removed: string[] = [];
    const artifacts = {
      remove: async (ids: readonly string[]) => void removed.push(...ids),
    } as unknown as ArtifactStore;
    await trimCache({ buildCache: store, artifacts, nowMs: Date.now(), maxBytes: 100 }, signal);
    expect(removed).toEqual(["layer-first"]);
  });

  it("keeps what is used, however long ago it was made", async () => {
    await put("busy", "layer-3", true);
    await age("index/busy");
    expect((await index.find({ scope: "team", key: "busy" }, signal))?.buildId).toBe("layer-3");
    const artifacts = { remove: async () => undefined } as unknown as ArtifactStore;
    await trimCache({ buildCache: store, artifacts, nowMs: Date.now() }, signal);
    expect(await index.find({ scope: "team", key: "busy" }, signal)).toBeDefined();
    expect(await index.find({ scope: "other", key: "busy" }, signal)).toBeUndefined();
  });
});
