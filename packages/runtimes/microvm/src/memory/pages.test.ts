import { describe, expect, it } from "bun:test";
import { addOwnPages } from "./pagemap";
import { appendRun, batchesOf, countPages, gapsOf, isZeroPage, type PageRun, SLICE_BYTES, slicesOf } from "./pages";

const MOST = SLICE_BYTES / 4096;

describe("runs of pages", () => {
  it("grow by what follows, and leave gaps", () => {
    const runs: { firstPage: number; pages: number }[] = [];
    for (const firstPage of [2, 3, 4, 7, 9]) appendRun(runs, { firstPage, pages: 1 });
    expect(runs).toEqual([
      { firstPage: 2, pages: 3 },
      { firstPage: 7, pages: 1 },
      { firstPage: 9, pages: 1 },
    ]);
    expect(countPages(runs)).toBe(5);
    expect(gapsOf(runs, 10).map(({ firstPage, pages }) => [firstPage, pages])).toEqual([
      [0, 2],
      [5, 2],
      [8, 1],
    ]);
    expect(gapsOf([], 3)).toEqual([{ firstPage: 0, pages: 3 }]);
    expect(gapsOf([{ firstPage: 0, pages: 3 }], 3)).toEqual([]);
  });

  it("come in slices, and in batches that one slice holds", () => {
    const runs: PageRun[] = [{ firstPage: 0, pages: MOST * 2 + 1 }, ...Array.from({ length: 600 }, (_, at) => run(at))];
    expect([...slicesOf(runs)].slice(0, 3).map(({ pages }) => pages)).toEqual([MOST, MOST, 1]);
    const batches = [...batchesOf(runs)];
    for (const batch of batches) expect(countPages(batch)).toBeLessThanOrEqual(MOST);
    expect(batches.flat()).toEqual([...slicesOf(runs)]);
    expect(batches.length).toBe(4);
  });

  function run(at: number): PageRun {
    return { firstPage: 10_000 + at * 2, pages: 1 };
  }
});

it("takes a page for zero only when all of it is", () => {
  const buffer = Buffer.alloc(3 * 4096);
  buffer[4096 + 4095] = 1;
  expect([0, 4096, 8192].map((at) => isZeroPage(buffer, at))).toEqual([true, false, true]);
});

it("knows a process's own pages by their bits, across the blocks they are read in", () => {
  const [present, swapped, file] = [1n << 63n, 1n << 62n, 1n << 61n];
  const words = [0n, present, present | file, swapped | 5n, present, file, present, present];
  const runs: { firstPage: number; pages: number }[] = [];
  addOwnPages(runs, { entries: new Uint8Array(new BigUint64Array(words).buffer), firstPage: 100 });
  addOwnPages(runs, { entries: new Uint8Array(new BigUint64Array([present, 0n]).buffer), firstPage: 108 });
  expect(runs.map(({ firstPage, pages }) => [firstPage, pages])).toEqual([
    [101, 1],
    [103, 2],
    [106, 3],
  ]);
});
