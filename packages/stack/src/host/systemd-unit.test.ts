import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installUnit, removeUnit, unitName, unitText } from "./systemd-unit";

test("stopping the unit ends the watching and no sandbox; any path is one word", () => {
  const text = unitText({ checkout: "/opt/san dlot", dataDir: '/srv/50%/a"b$c' });
  expect(text).toContain('ExecStart="/opt/san dlot/sandlot" up --data "/srv/50%%/a\\"b$$c"\n');
  expect(text).toContain("KillMode=process\n");
  expect(text).not.toContain("--detach");
  expect(unitName("/var/lib/sandlot")).toBe("sandlot.service");
  expect(unitName("/srv/other")).toMatch(/^sandlot-[a-z0-9]{4}\.service$/);
});

test("is installed, replaced and removed, but never in place of somebody else's", async () => {
  const unitDir = mkdtempSync(join(tmpdir(), "sandlot-units-"));
  const of = { dataDir: "/srv/other", unitDir };
  const { path } = await installUnit(of);
  expect(readFileSync(path, "utf8")).toContain("/srv/other");
  expect((await installUnit(of)).path).toBe(path);
  if (Bun.which("systemd-analyze") !== null) {
    const verified = Bun.spawnSync(["systemd-analyze", "verify", "--man=no", path]);
    expect(
      verified.stderr
        .toString()
        .split("\n")
        .filter((line) => line.includes(path)),
    ).toEqual([]);
  }
  expect(await removeUnit(of)).toBe(path);
  expect(existsSync(path)).toBeFalse();
  expect(await removeUnit(of)).toBeUndefined();
  writeFileSync(path, "[Service]\nExecStart=/bin/true\n");
  await expect(installUnit(of)).rejects.toThrow("somebody else");
  await expect(removeUnit(of)).rejects.toThrow("somebody else");
  rmSync(unitDir, { recursive: true });
});
