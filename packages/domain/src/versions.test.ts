import { expect, it } from "bun:test";
import { isAtLeast } from "./versions";

it("compares versions by number", () => {
  expect(isAtLeast("0.6.13", "0.2.0")).toBe(true);
  expect(isAtLeast("0.10.0", "0.9.9")).toBe(true);
  expect(isAtLeast("v0.2", "0.2.0")).toBe(true);
  expect(isAtLeast("0.1.9", "0.2.0")).toBe(false);
  expect(isAtLeast("", "0.2.0")).toBe(false);
});
