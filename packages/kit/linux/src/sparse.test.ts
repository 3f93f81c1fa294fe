import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dataRuns } from "./sparse";

describe(dataRuns, () => {
  let root: string;
  let path: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "sandlot-sparse-"));
    path = join(root, "file");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const runsOf = (writes: readonly number[], sizeBytes: number) => {
    const file = openSync(path, "w+");
    for (const at of writes) writeSync(file, Buffer.alloc(4096, 1), 0, 4096, at);
    truncateSync(path, sizeBytes);
    const runs = dataRuns(file, sizeBytes);
    closeSync(file);
    return runs;
  };

  it("finds what was written, and nothing in what was not", () => {
    expect(runsOf([1 << 20, 8 << 20], 64 << 20)).toEqual([
      { fromByte: 1 << 20, toByte: (1 << 20) + 4096 },
      { fromByte: 8 << 20, toByte: (8 << 20) + 4096 },
    ]);
    expect(runsOf([], 1 << 20)).toEqual([]);
    expect(runsOf([], 0)).toEqual([]);
  });

  it("ends with the file", () => {
    expect(runsOf([0], 100)).toEqual([{ fromByte: 0, toByte: 100 }]);
  });
});
