import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCached, isAtLeast } from "./find-criu";

test("takes the newest whole one that is new enough, and nothing half made", () => {
  const cache = mkdtempSync(join(tmpdir(), "sandlot-criu-"));
  const place = (name: string, mode: number): void => {
    mkdirSync(join(cache, name));
    writeFileSync(join(cache, name, "criu"), "#!/bin/sh\n");
    chmodSync(join(cache, name, "criu"), mode);
  };
  expect(findCached(cache)).toBeUndefined();
  place("4.1.1-0123456789ab", 0o755);
  place("installing-77", 0o755);
  place("5.0-0123456789ab", 0o644);
  expect(findCached(cache)).toBeUndefined();
  place("4.2.1-0123456789ab", 0o755);
  place("4.10-0123456789ab", 0o755);
  expect(findCached(cache)).toEqual({
    path: join(cache, "4.10-0123456789ab", "criu"),
    version: "4.10",
    origin: "private prefix",
  });
  rmSync(cache, { recursive: true });
});

test("compares versions by their numbers", () => {
  expect(["4.2.1", "4.2.2", "4.10", "5", "4.2.1.1"].every((version) => isAtLeast(version, "4.2.1"))).toBe(true);
  expect(["4.2", "4.1.9", "3.17.1"].some((version) => isAtLeast(version, "4.2.1"))).toBe(false);
});
