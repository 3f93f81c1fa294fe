import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureKernel } from "./ensure-kernel";
import type { KernelSource } from "./fetch-kernel";
import { compareVersions, lastKernelFailure, listKernels } from "./find-kernel";

let cache: string;
const said: string[] = [];
const progress = { say: (_step: string, text: string) => void said.push(text) };

beforeEach(() => {
  cache = join(mkdtempSync(join(tmpdir(), "sandlot-kernel-")), "kernels");
  said.length = 0;
});
afterEach(() => rmSync(join(cache, ".."), { recursive: true }));

/** As if it had been laid out. */
function place(version: string, hash: string): void {
  const at = join(cache, `${version}-${hash.slice(0, 12)}`);
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, "kernel.json"), JSON.stringify({ version, sha256: hash }));
}
const never: KernelSource = async () => {
  throw new Error("no route to any mirror");
};

test("takes the newest of those that lie side by side, and fetches none then", async () => {
  const hash = "ab".repeat(32);
  for (const version of ["6.1.0-9-cloud-amd64", "6.1.0-56-cloud-amd64", "6.1.0-48-cloud-amd64"]) place(version, hash);
  mkdirSync(join(cache, "6.12.0-1-cloud-amd64-cdcdcdcdcdcd")); // half made
  const found = await ensureKernel(progress, undefined, { cache, source: never });
  expect(found?.version).toBe("6.1.0-56-cloud-amd64");
  expect(listKernels(cache).map(({ version }) => version)).toEqual([
    "6.1.0-56-cloud-amd64",
    "6.1.0-48-cloud-amd64",
    "6.1.0-9-cloud-amd64",
  ]);
  expect(compareVersions("6.12.1-1-cloud-amd64", "6.2.1-1-cloud-amd64")).toBeGreaterThan(0);
});

test("says what is lost and why when there is none to be had, and leaves nothing half made", async () => {
  expect(await ensureKernel(progress, undefined, { cache, source: never })).toBeUndefined();
  expect(lastKernelFailure(cache)).toBe("no route to any mirror");
  expect(said.at(-1)).toContain("no virtual machines");
  const empty: KernelSource = async ({ into }) => void mkdirSync(join(into, "root/boot"), { recursive: true });
  expect(await ensureKernel(progress, undefined, { cache, source: empty })).toBeUndefined();
  expect(lastKernelFailure(cache)).toContain("no vmlinuz");
  expect(readdirSync(cache)).toEqual(["failure.json"]);
});

test("clears what an installer that died left, and stops when told to", async () => {
  mkdirSync(join(cache, "installing-1/fetched"), { recursive: true });
  const stop = new AbortController();
  const slow: KernelSource = async ({ signal }) => {
    stop.abort(new Error("enough"));
    signal?.throwIfAborted();
  };
  await expect(ensureKernel(progress, stop.signal, { cache, source: slow })).rejects.toThrow("enough");
  expect(readdirSync(cache)).toEqual([]);
});
