import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { commitDraft, sha256Of, soon, tempDir } from "../../test/fixtures";
import type { ObjectStore } from "../object-store";
import { openLocalObjectStore } from "../objects/open-local";
import { COLLECT_RULES, collectRemote } from "./collect-remote";
import { openArtifactStore } from "./open-artifact-store";

const HOUR_MS = 3_600_000;
const layerKey = (content: string): string => `layers/${sha256Of(content)}.erofs`;
const markKey = (content: string): string => `collect/marks/${sha256Of(content)}.erofs`;

describe(collectRemote, () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let remote: ObjectStore;
  beforeEach(async () => {
    dir = await tempDir();
    remote = await openLocalObjectStore({ directory: dir.path });
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  const round = (by: ObjectStore = remote): Promise<number> =>
    collectRemote(by, { ...COLLECT_RULES, everyMs: 0 }, soon());
  const put = (key: string, words = key): Promise<void> =>
    remote.putBytes({ key, bytes: new TextEncoder().encode(words) }, soon());
  const putLayer = (content: string): Promise<void> => put(layerKey(content), content);
  const putManifest = (buildId: string, ...layers: readonly string[]): Promise<void> => {
    const named = layers.map((content) => ({ sha256: sha256Of(content), sizeBytes: content.length }));
    return put(`builds/${buildId}/build.json`, JSON.stringify({ version: 2, buildId, layers: named }));
  };
  const isThere = async (key: string): Promise<boolean> => (await remote.head(key, soon())) !== undefined;
  /** As if so much time had passed since it was put. */
  const age = async (key: string, hours: number): Promise<void> => {
    const at = (Date.now() - hours * HOUR_MS) / 1000;
    await utimes(join(dir.path, key), at, at);
  };
  /** A layer that nobody names, whose mark is `hours` old. */
  const marked = async (content: string, hours: number): Promise<void> => {
    await putLayer(content);
    await age(layerKey(content), 1_000);
    await round();
    await age(markKey(content), hours);
  };

  it("removes what nobody has named for a day, and first of all marks it", async () => {
    await putLayer("kept");
    await putManifest("b1", "kept");
    await marked("left", 23);
    expect(await round()).toBe(0);
    await age(markKey("left"), 25);
    expect(await round()).toBe("left".length);
    expect([await isThere(layerKey("left")), await isThere(layerKey("kept"))]).toEqual([false, true]);
    expect([await isThere(markKey("left")), await isThere(markKey("kept"))]).toEqual([true, false]);
    await round();
    expect(await isThere(markKey("left"))).toBe(true); // for uploads that come just now
    await age(markKey("left"), 7);
    await round();
    expect(await isThere(markKey("left"))).toBe(false);
  });

  it("takes a mark away when somebody names the layer after all", async () => {
    await marked("wanted", 25);
    await putManifest("b2", "wanted");
    expect(await round()).toBe(0);
    expect([await isThere(layerKey("wanted")), await isThere(markKey("wanted"))]).toEqual([true, false]);
  });

  it("begins to wait anew for a layer that was put again, and for one that an upload asked for", async () => {
    await marked("again", 25);
    await age(layerKey("again"), 24);
    expect(await round()).toBe(0);
    expect(((await remote.head(markKey("again"), soon()))?.changedAtMs ?? 0) > Date.now() - HOUR_MS).toBe(true);
    await marked("asked", 25);
    // Between this round's list of marks and its last look.
    const slow: ObjectStore = {
      ...remote,
      async head(key, signal) {
        if (key === markKey("asked")) await put(markKey("asked"), "wanted again\n");
        return remote.head(key, signal);
      },
    };
    expect(await round(slow)).toBe(0);
    expect(await isThere(layerKey("asked"))).toBe(true);
  });

  it("keeps what a manifest mentions that cannot be understood, and all when one cannot be read", async () => {
    await marked("mentioned", 25);
    await put("builds/odd/build.json", `{"version":9,"of":"${sha256Of("mentioned")}"}`);
    expect(await round()).toBe(0);
    await remote.remove("builds/odd/build.json", soon());
    await putManifest("b3", "another");
    await marked("mentioned", 25);
    const broken: ObjectStore = { ...remote, getBytes: () => Promise.reject(new Error("away")) };
    await expect(round(broken)).rejects.toThrow("away");
    expect(await isThere(layerKey("mentioned"))).toBe(true);
    expect(await round()).toBe("mentioned".length);
  });

  it("gives a removal up that does not come through in time", async () => {
    await marked("stuck", 25);
    const stuck: ObjectStore = {
      ...remote,
      putBytes: (of, signal) =>
        of.key === markKey("stuck")
          ? new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
          : remote.putBytes(of, signal),
    };
    const rules = { ...COLLECT_RULES, everyMs: 0, removeWithinMs: 50 };
    await expect(collectRemote(stuck, rules, soon())).rejects.toThrow();
    expect(await isThere(layerKey("stuck"))).toBe(true);
  });

  it("is one round for all who share the store", async () => {
    await putLayer("left");
    await collectRemote(remote, COLLECT_RULES, soon());
    await age(markKey("left"), 25);
    await age(layerKey("left"), 26);
    expect(await collectRemote(remote, COLLECT_RULES, soon())).toBe(0);
    await age("collect/clock", 7);
    expect(await collectRemote(remote, COLLECT_RULES, soon())).toBe("left".length);
  });

  it("is waited out by an upload, which puts again what was just removed", async () => {
    await using own = await tempDir();
    await marked("shared", 25);
    const rules = { ...COLLECT_RULES, settleMs: 300 };
    await using store = await openArtifactStore({ directory: own.path, remote, restsMs: [10], collectRules: rules });
    await commitDraft(store, { buildId: "b4", layer: "shared" });
    // The upload has met the mark: a round does not remove the layer now, but one that looked before may still.
    const endMs = Date.now() + 30_000;
    while (((await remote.head(markKey("shared"), soon()))?.changedAtMs ?? 0) < Date.now() - HOUR_MS) {
      if (Date.now() > endMs) throw new Error("the mark was not made new");
      await Bun.sleep(5);
    }
    expect(await isThere("builds/b4/build.json")).toBe(false);
    await rm(join(dir.path, layerKey("shared")));
    while (store.pendingUploads > 0 && Date.now() < endMs) await Bun.sleep(10);
    expect([await isThere("builds/b4/build.json"), await isThere(layerKey("shared"))]).toEqual([true, true]);
    await round();
    expect(await isThere(markKey("shared"))).toBe(false);
  });
});
