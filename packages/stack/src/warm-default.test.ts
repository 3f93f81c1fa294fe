import { expect, it } from "bun:test";
import { defaultWarm } from "./warm-default";

const GIB = 1024 ** 3;

it("keeps machines ready in proportion to the memory, within bounds", () => {
  expect([1, 8, 16, 24, 256].map((gib) => defaultWarm(gib * GIB))).toEqual([4, 21, 42, 64, 64]);
});
