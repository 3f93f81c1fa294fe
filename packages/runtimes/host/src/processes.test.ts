import { describe, expect, it } from "bun:test";
import { isAlive } from "./processes";

describe(isAlive, () => {
  it("does not take another process of the same number for the noted one", async () => {
    expect(await isAlive({ pid: process.pid, startTime: "1" })).toBe(false);
  });
});
