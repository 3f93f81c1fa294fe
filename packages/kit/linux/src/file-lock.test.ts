import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { takeFileLock } from "./file-lock";

test("one holder at a time, and a child that outlives it holds nothing", async () => {
  const dir = mkdtempSync(join(tmpdir(), "sandlot-lock-"));
  const path = join(dir, "sub/lock");
  const first = takeFileLock(path);
  if (!first.isHeld) throw new Error("nobody else can hold it");
  expect(takeFileLock(path)).toEqual({ isHeld: false, by: process.pid });
  const child = Bun.spawn(["sleep", "60"]);
  first[Symbol.dispose]();
  const second = takeFileLock(path);
  expect(second.isHeld).toBe(true);
  if (second.isHeld) second[Symbol.dispose]();
  child.kill();
  await child.exited;
  rmSync(dir, { recursive: true });
});
