import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { holdLock } from "./lock";
import { ensureSecrets } from "./secrets";
import { rotateLogs } from "./services/log-rotation";

const dir = mkdtempSync(join(tmpdir(), "sandlot-lock-"));

test("one holder at a time; a dead holder counts for nothing", () => {
  const at = { lock: join(dir, "run/lock.json"), dataDir: dir };
  {
    using _held = holdLock(at);
    expect(() => holdLock(at)).toThrow(`pid ${process.pid}`);
  }
  writeFileSync(at.lock, JSON.stringify({ pid: 1, startTicks: "0", bootId: "another" }));
  using _again = holdLock(at);
});

test("secrets are made once and are nobody else's to read", () => {
  const path = join(dir, "secrets.json");
  const made = ensureSecrets(path);
  expect(made.apiKey).toMatch(/^e2b_[0-9a-f]{40}$/);
  expect(ensureSecrets(path)).toEqual(made);
  expect(Bun.spawnSync(["stat", "-c", "%a", path]).stdout.toString().trim()).toBe("600");
  writeFileSync(path, "{torn");
  expect(() => ensureSecrets(path)).toThrow("holds no JSON object");
});

test("a full log is set aside and emptied in place", async () => {
  const log = join(dir, "api.log");
  writeFileSync(log, "x".repeat(100));
  rotateLogs(dir, 50);
  expect(await Bun.file(log).text()).toBe("");
  expect(await Bun.file(`${log}.1`).text()).toHaveLength(100);
  rotateLogs(dir, 50);
  expect(await Bun.file(`${log}.1`).text()).toHaveLength(100);
  rmSync(dir, { recursive: true });
});
