import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IdRanges } from "./ids";
import { CONTAINER_IDS as limits, VMM_IDS } from "./limits";

describe(IdRanges, () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ids-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("gives no range twice, also to a second runtime of the same directory", async () => {
    const one = new IdRanges({ plan: limits, dir, tag: "abcd", nowMs: 0 });
    const other = new IdRanges({ plan: limits, dir, tag: "abcd", nowMs: 0 });
    const taken = await Promise.all([one.take("a"), other.take("b"), one.take("c"), other.take("d")]);
    expect(new Set(taken).size).toBe(4);
    for (const base of taken) expect(base % limits.idsPerRange).toBe(0);
  });

  it("keeps below 2^31 for every tag", async () => {
    const highest = limits.firstHostId + limits.tagRegions * limits.rangesPerTag * limits.idsPerRange;
    expect(highest).toBeLessThanOrEqual(VMM_IDS.firstHostId);
    expect(VMM_IDS.firstHostId + VMM_IDS.tagRegions * VMM_IDS.rangesPerTag).toBeLessThan(2 ** 31);
  });

  it("takes back what is given back or has lost its machine, and no more", async () => {
    const ranges = new IdRanges({ plan: limits, dir, tag: "abcd", nowMs: 511_000 });
    const first = await ranges.take("a");
    await ranges.take("b");
    await ranges.take("c");
    await ranges.giveBack(first);
    await ranges.sweep(new Set(["c"]));
    const again = new IdRanges({ plan: limits, dir, tag: "abcd", nowMs: 511_000 });
    expect(await again.take("d")).toBe(first);
    for (let left = limits.rangesPerTag - 2; left > 0; left -= 1) await again.take("x");
    await expect(again.take("e")).rejects.toThrow("in use");
  });
});
