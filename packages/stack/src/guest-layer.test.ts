import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { installGuestLayer, keepNeededGuestLayers } from "./guest-layer";

const root = mkdtempSync(join(tmpdir(), "sandlot-guest-layer-"));
afterAll(() => rmSync(root, { recursive: true }));
const from = join(root, "dist");
const artifacts = join(root, "artifacts");
const envd = "usr/lib/sandlot/envd";
const isRoot = process.getuid?.() === 0;

test.skipIf(!isRoot)("a layer in use does not change when the build does, and each content has one place", async () => {
  mkdirSync(join(from, "usr/lib/sandlot/lib"), { recursive: true });
  writeFileSync(join(from, envd), "one");
  chmodSync(join(from, envd), 0o755);
  const first = installGuestLayer({ from, artifacts });
  writeFileSync(join(from, envd), "two"); // in place: a hard link would have followed
  const second = installGuestLayer({ from, artifacts });
  expect(second).not.toBe(first);
  expect(readFileSync(join(first, envd), "utf8")).toBe("one");
  expect(readFileSync(join(second, envd), "utf8")).toBe("two");
  expect(statSync(join(first, envd)).mode & 0o7777).toBe(0o755);
  expect(readdirSync(join(first, "usr/lib/sandlot")).sort()).toEqual(["envd", "lib"]);
  writeFileSync(join(from, envd), "one");
  expect(installGuestLayer({ from, artifacts })).toBe(first);
  chmodSync(join(from, envd), 0o700);
  const third = installGuestLayer({ from, artifacts });
  expect([first, second]).not.toContain(third);
  expect(readdirSync(join(artifacts, "guest"))).toHaveLength(3);

  mkdirSync(join(artifacts, "builds/paused"), { recursive: true });
  const memory = { runtime: "container", format: "1", files: [], guestLayer: basename(second) };
  const layers = [{ sha256: "ab".repeat(32), sizeBytes: 1 }];
  const record = { version: 2, buildId: "paused", layers, memory };
  writeFileSync(join(artifacts, "builds/paused/build.json"), JSON.stringify(record));
  const left = (): string[] => readdirSync(join(artifacts, "guest")).map((name) => join(artifacts, "guest", name));
  await keepNeededGuestLayers({ artifacts, keep: first });
  expect(left().sort()).toEqual([first, second].sort());
  writeFileSync(join(artifacts, "builds/paused/build.json"), JSON.stringify(record).slice(0, 80));
  await keepNeededGuestLayers({ artifacts, keep: undefined });
  expect(left()).toHaveLength(2);
  rmSync(join(artifacts, "builds"), { recursive: true });
  await keepNeededGuestLayers({ artifacts, keep: first });
  expect(left()).toEqual([first]);
});
