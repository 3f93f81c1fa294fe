import { describe, expect, it } from "bun:test";
import { parseLauncherError } from "./launcher";

describe(parseLauncherError, () => {
  it("finds stage and reason among other output", () => {
    const output = "noise\nerror\tnetwork\tslot /run/netns/x: No such file or directory\n";
    expect(parseLauncherError(output)).toEqual({
      stage: "network",
      reason: "slot /run/netns/x: No such file or directory",
    });
  });
  it("says so when there was no word", () => {
    expect(parseLauncherError("")).toEqual({ stage: "launcher", reason: "it ended without a word" });
  });
});
