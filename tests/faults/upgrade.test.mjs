// A restart onto another build: live sandboxes keep the programs they were started with, new ones get the new ones, and no
// machine warmed before is handed out.
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { sandlot } from "../e2e/installation.mjs";
import { create, until } from "../e2e/support.mjs";

const mark = new URL("../../dist/guest-layer/usr/lib/sandlot/upgrade-test", import.meta.url).pathname;
const show = "cat /usr/lib/sandlot/upgrade-test 2>/dev/null || echo none";
const seenIn = async (sandbox) => (await sandbox.commands.run(show)).stdout.trim();

test("a sandbox lives across a restart with a changed guest layer, and the next one gets the new layer", async () => {
  const old = await create({ timeoutMs: 300_000 });
  const ticker = await old.commands.run("while true; do date +%s%N > tick; sleep 0.1; done", {
    background: true,
    timeoutMs: 0,
  });
  try {
    writeFileSync(mark, "new");
    await sandlot("restart");
    const fresh = await Promise.all([create(), create(), create()]);
    for (const sandbox of fresh) assert.equal(await seenIn(sandbox), "new");
    assert.equal(await seenIn(old), "none");
    assert.ok(
      (await old.commands.list()).some(({ pid }) => pid === ticker.pid),
      "the same process goes on",
    );
    const tick = await old.files.read("tick");
    await until(async () => (await old.files.read("tick")) !== tick, { what: "the next tick" });
  } finally {
    rmSync(mark, { force: true });
    await sandlot("restart");
  }
  const last = await create();
  assert.equal(await seenIn(last), "none");
  assert.equal(await old.kill(), true);
});
