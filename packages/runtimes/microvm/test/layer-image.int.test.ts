/** Directories become images that a name stands for. */
import { afterAll, beforeAll, expect, it } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBlankDisk, ensureLayerImage } from "../src/index";

let dir: string;
let cacheDir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "sandlot-images-"));
  cacheDir = join(dir, "cache");
  for (const name of ["one", "other"]) {
    mkdirSync(join(dir, name, "usr"), { recursive: true });
    writeFileSync(join(dir, name, "usr/file"), "content");
  }
});
afterAll(() => rmSync(dir, { recursive: true }));

const imageOf = (name: string): Promise<string> =>
  ensureLayerImage({ layer: { kind: "directory", path: join(dir, name) }, cacheDir });

it("makes one image of equal directories, the same bytes each time, and another when a file changes", async () => {
  const [first, second] = await Promise.all([imageOf("one"), imageOf("one")]);
  expect(second).toBe(first);
  utimesSync(join(dir, "other/usr/file"), 1, 1);
  expect(await imageOf("other")).toBe(first);
  const before = readFileSync(first);
  rmSync(first);
  expect(await imageOf("one")).toBe(first);
  expect(readFileSync(first).equals(before)).toBe(true);
  expect(before.length % 4_096).toBe(0);
  writeFileSync(join(dir, "other/usr/file"), "changed");
  const changed = await imageOf("other");
  expect(changed).not.toBe(first);
  chmodSync(join(dir, "other/usr/file"), 0o755);
  expect(await imageOf("other")).not.toBe(changed);
  expect(readdirSync(cacheDir)).toHaveLength(3);
});

it("leaves images as they are, and names what cannot be made", async () => {
  expect(await ensureLayerImage({ layer: { kind: "erofs", path: "/a.erofs" }, cacheDir })).toBe("/a.erofs");
  await expect(imageOf("absent")).rejects.toThrow();
  expect(readdirSync(cacheDir)).toHaveLength(3);
});

it("makes a blank disk once per size, whoever asks at the same time", async () => {
  const asked = [64, 64, 128].map((sizeMiB) => ensureBlankDisk({ cacheDir: join(dir, "blank"), sizeMiB }));
  const [one, same, larger] = await Promise.all(asked);
  expect(same).toBe(one ?? "");
  expect(readdirSync(join(dir, "blank")).sort()).toEqual(["blank-128.qcow2", "blank-64.qcow2"]);
  const about = Bun.spawnSync(["qemu-img", "info", "--output=json", larger ?? ""]);
  expect(JSON.parse(about.stdout.toString())).toMatchObject({ "virtual-size": 128 << 20, format: "qcow2" });
  expect(JSON.parse(about.stdout.toString())).not.toHaveProperty("backing-filename");
});
