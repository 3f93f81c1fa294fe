import { expect, it } from "bun:test";
import { bucketSeconds } from "./metrics";

it("takes wider buckets for longer ranges, as the contract's table says", () => {
  const hours = [0.5, 1, 5.9, 6, 12, 24, 24 * 7, 24 * 30];
  expect(hours.map((range) => bucketSeconds(range * 3_600))).toEqual([5, 30, 30, 60, 120, 300, 900, 900]);
});
