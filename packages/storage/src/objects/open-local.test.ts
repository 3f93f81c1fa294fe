import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { readdir } from "node:fs/promises";
import { tempDir } from "../../test/fixtures";
import { objectStoreConformance } from "../../test/object-store-conformance";
import type { ObjectStore } from "../object-store";
import { openLocalObjectStore } from "./open-local";

describe(openLocalObjectStore, () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let store: ObjectStore;
  beforeAll(async () => {
    dir = await tempDir();
    store = await openLocalObjectStore({ directory: dir.path });
  });
  afterAll(() => dir[Symbol.asyncDispose]());

  objectStoreConformance(() => store, { manyKeys: 40 });

  it("leaves no drafts", async () => {
    const names = await readdir(dir.path, { recursive: true });
    expect(names.filter((name) => /draft|new|part/.test(name))).toEqual([]);
  });
});
