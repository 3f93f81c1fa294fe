import { afterAll, beforeAll, expect, it } from "bun:test";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PAGE_BYTES } from "@sandlot/runtime-microvm";
import { changedRuns, dataRunsOf, uniteRuns } from "./file-pages";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "fc-pages-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const signal = AbortSignal.timeout(60_000);

/** A sparse file of `pages` with one byte at the start of each page named. */
function file(name: string, pages: number, bytes: Readonly<Record<number, string>>): number {
  const fd = openSync(join(dir, name), "w+");
  ftruncateSync(fd, pages * PAGE_BYTES);
  for (const [page, text] of Object.entries(bytes)) writeSync(fd, Buffer.from(text), 0, 1, Number(page) * PAGE_BYTES);
  return fd;
}

it("unites runs that touch, overlap or lie in each other", () => {
  const run = (firstPage: number, pages: number) => ({ firstPage, pages });
  expect(uniteRuns([run(0, 2), run(10, 5)], [run(2, 1), run(11, 1), run(20, 1)])).toEqual([
    run(0, 3),
    run(10, 5),
    run(20, 1),
  ]);
  expect(uniteRuns([], [])).toEqual([]);
});

it("finds data and leaves holes out", () => {
  const fd = file("holes", 5000, { 3: "a", 4: "b", 4999: "c" });
  expect(dataRunsOf(fd, 5000 * PAGE_BYTES)).toEqual([
    { firstPage: 3, pages: 2 },
    { firstPage: 4999, pages: 1 },
  ]);
  expect(dataRunsOf(file("empty", 5000, {}), 5000 * PAGE_BYTES)).toEqual([]);
  closeSync(fd);
});

it("finds pages that were changed, added, and emptied", async () => {
  const below = file("below", 2000, { 1: "a", 2: "b", 900: "c", 1500: "same" });
  const now = file("now", 2000, { 1: "a", 2: "B", 901: "d", 1500: "same" });
  const changed = await changedRuns({ file: now, below, totalBytes: 2000 * PAGE_BYTES }, signal);
  expect(changed).toEqual([
    { firstPage: 2, pages: 1 },
    { firstPage: 900, pages: 2 },
  ]);
  const whole = await changedRuns({ file: now, below: undefined, totalBytes: 2000 * PAGE_BYTES }, signal);
  expect(whole.map(({ firstPage, pages }) => [firstPage, pages])).toEqual([
    [1, 2],
    [901, 1],
    [1500, 1],
  ]);
});

it("takes a shorter file for one that ends in zeros", async () => {
  const below = file("short", 2, { 1: "a" });
  const now = file("long", 4, { 1: "a", 3: "z" });
  expect(await changedRuns({ file: now, below, totalBytes: 4 * PAGE_BYTES }, signal)).toEqual([
    { firstPage: 3, pages: 1 },
  ]);
});
