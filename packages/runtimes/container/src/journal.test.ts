import { describe, expect, it } from "bun:test";
import { isAlive } from "@sandlot/runtime-host";
import { checkNames, formatLaunchConfig } from "./journal";

describe(formatLaunchConfig, () => {
  it("leaves out what is not set", () => {
    expect(
      formatLaunchConfig([
        ["a", "x=y"],
        ["b", undefined],
        ["c", 3],
      ]),
    ).toBe("a=x=y\nc=3\n");
  });
  it("refuses values that would smuggle in a key", () => {
    expect(() => formatLaunchConfig([["hostname", "box\nlower=/"]])).toThrow("line break");
  });
});

describe(checkNames, () => {
  it.each(["../x", "a/b", "", ".hidden", "a\nb", "x".repeat(65)])("refuses machine id %j", (machineId) => {
    expect(() => checkNames({ machineId, hostname: "box" })).toThrow("machine id");
  });
  it.each(["-x", "a_b", "a.b", "", "a\n"])("refuses hostname %j", (hostname) => {
    expect(() => checkNames({ machineId: "m1", hostname })).toThrow("hostname");
  });
});

describe(isAlive, () => {
  it("does not take another process of the same number for the journaled one", async () => {
    expect(await isAlive({ pid: process.pid, startTime: "1" })).toBe(false);
  });
});
