// An installation is taken off the machine: what it made goes, what others put there stays.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startOwnInstallation } from "../faults/own-installation.mjs";

test("uninstall asks for --yes, then ends and removes everything of ours and nothing else", async () => {
  const own = await startOwnInstallation({ flags: ["--warm", "1"] });
  const units = mkdtempSync(join(tmpdir(), "sandlot-units-"));
  const unit = join(units, `sandlot-${own.tag}.service`);
  try {
    await own.sandlot("service", "install", "--unit-dir", units);
    assert.match(readFileSync(unit, "utf8"), new RegExp(`up --data "${own.dataDir}"`));
    writeFileSync(join(own.dataDir, "theirs.txt"), "mine");
    mkdirSync(join(units, "other.service.d"));
    await own.create();

    await assert.rejects(own.sandlot("uninstall"), (error) => error.code === 2 && /say --yes/.test(error.stderr));
    assert.ok((await own.services()).every(({ state }) => state === "running"));

    const said = await own.sandlot("uninstall", "--yes", "--unit-dir", units);
    assert.match(said, new RegExp(`not ours, and left there: ${own.dataDir}/theirs.txt`));
    assert.deepEqual(readdirSync(own.dataDir), ["theirs.txt"]);
    assert.ok(!existsSync(unit));
    assert.deepEqual(readdirSync(units), ["other.service.d"]);
    const left = execFileSync("sh", [
      "-c",
      `ip -o link | grep -c sl${own.tag}; ip netns list | grep -c sandlot-${own.tag}; true`,
    ]);
    assert.equal(left.toString(), "0\n0\n");
    assert.equal(execFileSync("sh", ["-c", `nft list tables | grep -c sandlot_${own.tag}; true`]).toString(), "0\n");
    assert.match(await own.sandlot("uninstall", "--yes", "--unit-dir", units), /there is no installation/);
  } finally {
    if (existsSync(join(own.dataDir, "stack.json"))) await own.end();
    rmSync(own.dataDir, { recursive: true, force: true });
    rmSync(units, { recursive: true, force: true });
  }
});
