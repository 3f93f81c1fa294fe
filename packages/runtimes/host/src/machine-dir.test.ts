import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatLaunchConfig, machineIdsIn, readRecord, requireNames, writeRecord } from "./machine-dir";

const badRequest = ({ what }: { what: string }): Error => new Error(what);

describe(formatLaunchConfig, () => {
  it("leaves out what is not set", () => {
    const pairs = [["a", "x=y"] as const, ["b", undefined] as const, ["c", 3] as const];
    expect(formatLaunchConfig(pairs, badRequest)).toBe("a=x=y\nc=3\n");
  });
  it("refuses values that would smuggle in a key", () => {
    expect(() => formatLaunchConfig([["hostname", "box\nlower=/"]], badRequest)).toThrow("line break");
  });
});

describe(requireNames, () => {
  it.each(["../x", "a/b", "", ".hidden", "a\nb", "x".repeat(65)])("refuses machine id %j", (machineId) => {
    expect(() => requireNames({ machineId, hostname: "box" }, badRequest)).toThrow("machine id");
  });
  it.each(["-x", "a_b", "a.b", "", "a\n"])("refuses hostname %j", (hostname) => {
    expect(() => requireNames({ machineId: "m1", hostname }, badRequest)).toThrow("hostname");
  });
});

describe(readRecord, () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "record-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("gives back what was written, which leaves nothing else", async () => {
    const record = { version: 1 as const, machineId: "m1" };
    await writeRecord(dir, record);
    expect(await readRecord<typeof record>(dir)).toEqual(record);
    expect(await readdir(dir)).toEqual(["machine.json"]);
  });
  it.each(["", '{"version":1', '{"version":2}', "null"])("takes %j for none", async (text) => {
    expect(await readRecord(dir)).toBeUndefined();
    await writeFile(join(dir, "machine.json"), text);
    expect(await readRecord(dir)).toBeUndefined();
  });
});

describe(machineIdsIn, () => {
  it("finds none where no machine has ever been", async () => {
    expect(await machineIdsIn("/nowhere/machines")).toEqual([]);
  });
});
