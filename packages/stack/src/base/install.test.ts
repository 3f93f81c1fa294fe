import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openArtifactStore } from "@sandlot/storage";
import { installBase } from "./install";

const root = mkdtempSync(join(tmpdir(), "sandlot-install-"));
afterAll(() => rmSync(root, { recursive: true }));

test("installs what a node can load, again and again, and in the place of an older record", async () => {
  const artifacts = join(root, "artifacts");
  const layerPath = join(root, "layer");
  writeFileSync(layerPath, "a base");
  const sha256 = createHash("sha256").update("a base").digest("hex");
  const recipe = { key: "0123456789abcdef".repeat(4), user: "user", workdir: "/home/user" };
  const install = () => installBase({ artifacts, recipe, base: { layerPath, sha256 } });
  const { buildId } = await install();
  const record = join(artifacts, "builds", buildId, "build.json");
  const first = readFileSync(record, "utf8");
  expect(await install()).toEqual({ buildId });
  expect(readFileSync(record, "utf8")).toBe(first);
  expect(statSync(join(artifacts, `layers/${sha256}.erofs`)).ino).toBe(statSync(layerPath).ino);

  mkdirSync(join(artifacts, "builds", buildId), { recursive: true });
  writeFileSync(record, JSON.stringify({ version: 1, buildId, layers: [`layers/${sha256}.erofs`] }));
  await install();
  await using store = await openArtifactStore({ directory: artifacts });
  const loaded = await store.load(buildId, AbortSignal.timeout(60_000));
  expect(loaded.manifest).toMatchObject({ user: "user", layers: [{ sha256, sizeBytes: 6 }] });
  expect(JSON.parse(readFileSync(record, "utf8")).version).toBe(2);
});
