import { afterAll, beforeAll, expect, it } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Binaries } from "./binaries";
import { installPinned } from "./install";
import { type ConfiguredVersion, loadVersionsFile } from "./versions";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "fc-versions-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const signal = AbortSignal.timeout(60_000);
const sha = (text: string): string => createHash("sha256").update(text).digest("hex");
const PINNED = { from: "/opt/firecracker", sha256: sha("x") };
const VERSION = { version: "1.10.1", firecracker: PINNED, jailer: PINNED };

async function load(content: unknown): Promise<unknown> {
  const path = join(dir, "versions.json");
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return loadVersionsFile(path);
}

it("reads what is right", async () => {
  const kernel = { from: "https://files.example/vmlinux", sha256: sha("k") };
  expect(await load({ versions: [VERSION], kernel })).toEqual({ versions: [VERSION], kernel });
});

it.each([
  ["no JSON", "{", "no JSON"],
  ["no versions", { versions: [] }, "at least one"],
  ["a version that is none", { versions: [{ ...VERSION, version: "new" }] }, "like 1.10.1"],
  ["an old version", { versions: [{ ...VERSION, version: "1.7.0" }] }, "too old"],
  ["no jailer", { versions: [{ ...VERSION, jailer: undefined }] }, "versions[0]: `jailer`"],
  ["a short checksum", { versions: [{ ...VERSION, firecracker: { ...PINNED, sha256: "ab" } }] }, "`firecracker`"],
  ["an unsafe origin", { versions: [{ ...VERSION, firecracker: { ...PINNED, from: "http://x/y" } }] }, "https"],
  ["a relative path", { versions: [{ ...VERSION, firecracker: { ...PINNED, from: "bin/x" } }] }, "absolute"],
  ["one version twice", { versions: [VERSION, VERSION] }, "twice"],
  ["a kernel without a checksum", { versions: [VERSION], kernel: { from: "/k" } }, "`kernel`"],
])("refuses %s", (_, content, reason) => expect(load(content)).rejects.toThrow(reason));

it("says what to do when nothing is configured", () => {
  const binaries = new Binaries({ dir, config: { versions: [] } });
  expect(binaries.install(undefined, signal)).rejects.toThrow("FIRECRACKER_VERSIONS_FILE");
});

it("brings in what has the right checksum and nothing else, and keeps versions apart", async () => {
  const home = join(dir, "binaries");
  const at = async (version: string, content: string): Promise<ConfiguredVersion> => {
    const from = join(dir, `origin-${version}`);
    await writeFile(from, content);
    const pinned = { from, sha256: sha(content) };
    return { version, firecracker: pinned, jailer: pinned };
  };
  const versions = [await at("1.12.0", "newer"), await at("1.10.1", "older")];
  const binaries = new Binaries({ dir: home, config: { versions } });
  const newer = await binaries.install(undefined, signal);
  const older = await binaries.install("1.10.1", signal);
  expect([await readFile(newer.firecracker, "utf8"), await readFile(older.firecracker, "utf8")]).toEqual([
    "newer",
    "older",
  ]);
  expect((await stat(newer.jailer)).mode & 0o777).toBe(0o755);
  // What is there has been checked: its origin may be gone or another by now.
  await writeFile(join(dir, "origin-1.12.0"), "exchanged");
  expect(await readFile((await binaries.install("1.12.0", signal)).firecracker, "utf8")).toBe("newer");
  expect(binaries.install("1.9.0", signal)).rejects.toThrow("no Firecracker 1.9.0 is configured");
  const wrong = { from: join(dir, "origin-1.10.1"), sha256: sha("other") };
  const failed = installPinned({ dir: home, name: "firecracker", pinned: wrong, signal });
  await expect(failed).rejects.toMatchObject({ code: "firecracker_wrong_checksum" });
  expect(await readdir(join(home, wrong.sha256))).toEqual([]);
  const gone = { from: join(dir, "nowhere"), sha256: sha("other") };
  expect(installPinned({ dir: home, name: "x", pinned: gone, signal })).rejects.toMatchObject({
    code: "firecracker_not_fetched",
  });
});
