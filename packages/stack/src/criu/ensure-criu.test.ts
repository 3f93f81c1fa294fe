import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CriuSource, ensureCriu } from "./ensure-criu";
import { lastFailure, versionOf } from "./find-criu";

let cache: string;
const said: string[] = [];
const progress = { say: (_step: string, text: string) => void said.push(text) };

beforeEach(() => {
  cache = join(mkdtempSync(join(tmpdir(), "sandlot-criu-")), "criu");
  said.length = 0;
});
afterEach(() => rmSync(join(cache, ".."), { recursive: true }));

const sourceOf =
  (version: string): CriuSource =>
  async ({ into }) => {
    mkdirSync(join(into, "root"));
    writeFileSync(join(into, "root/version"), `Version: ${version}\n`);
    return `read -r line < "$R/version"; echo "$line"`;
  };
const broken: CriuSource = async () => {
  throw new Error("no route to any mirror");
};

test("installs it whole under its version, once, and runs it from there", async () => {
  const first = await ensureCriu(progress, undefined, { cache, sources: [["a mirror", sourceOf("4.3")]] });
  expect(first).toMatchObject({ version: "4.3", origin: "private prefix" });
  expect(await versionOf(first?.path ?? "")).toBe("4.3");
  expect(await ensureCriu(progress, undefined, { cache, sources: [["a mirror", broken]] })).toEqual(first as never);
  expect(readdirSync(cache)).toHaveLength(1);
});

test("goes on to the next source, and without any says what is lost and why", async () => {
  const sources = [
    ["a mirror", broken],
    ["an old one", sourceOf("4.1")],
  ] as const;
  expect(await ensureCriu(progress, undefined, { cache, sources })).toBeUndefined();
  expect(said.at(-1)).toContain("no memory");
  expect(lastFailure(cache)).toBe(
    "a mirror: no route to any mirror; an old one: there is only 4.1, and 4.2.1 is needed",
  );
  expect(readdirSync(cache)).toEqual(["failure.json"]);
  const found = await ensureCriu(progress, undefined, {
    cache,
    sources: [...sources, ["a good one", sourceOf("5.0")]],
  });
  expect(found?.version).toBe("5.0");
  expect(lastFailure(cache)).toBeUndefined();
});

test("clears what an installer that died left, and stops when told to", async () => {
  mkdirSync(join(cache, "installing-1/root"), { recursive: true });
  const stop = new AbortController();
  const slow: CriuSource = async ({ signal }) => {
    stop.abort(new Error("enough"));
    signal?.throwIfAborted();
    return "";
  };
  await expect(ensureCriu(progress, stop.signal, { cache, sources: [["slow", slow]] })).rejects.toThrow("enough");
  expect(readdirSync(cache)).toEqual([]);
});
