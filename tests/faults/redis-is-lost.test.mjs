// Redis dies and its data is gone. It holds only what can be known again: live sandboxes are back in lists and routes from
// what the nodes have in their journals, and nothing that runs in them notices.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { killAndAwait } from "../e2e/installation.mjs";
import { create, Sandbox, toPort, until } from "../e2e/support.mjs";

const isListed = async (sandboxId) => (await Sandbox.list().nextItems()).some((item) => item.sandboxId === sandboxId);

test("Redis is killed and its data wiped: live sandboxes come back and serve", async () => {
  const sandbox = await create({ metadata: { kept: "yes" }, timeoutMs: 300_000 });
  await sandbox.files.write("before.txt", "kept");
  const server = await sandbox.commands.run("python3 -m http.server 8000", { background: true, timeoutMs: 0 });
  await until(async () => (await toPort(sandbox.sandboxId, 8000)).status === 200, { what: "the server inside" });
  const { endAt } = await sandbox.getInfo();

  // Gone from the disk before it dies, so that the next one finds nothing.
  rmSync(`${process.env.SANDLOT_DATA_DIR}/redis/appendonlydir`, { recursive: true });
  await killAndAwait("redis");

  await until(() => isListed(sandbox.sandboxId).catch(() => false), {
    withinMs: 60_000,
    what: "its return to the list",
  });
  const info = await sandbox.getInfo();
  assert.deepEqual(info.metadata, { kept: "yes" });
  assert.ok(Math.abs(info.endAt - endAt) < 2_000, `ends at ${info.endAt}, was ${endAt}`);
  assert.equal(await sandbox.files.read("before.txt"), "kept");
  assert.equal((await toPort(sandbox.sandboxId, 8000)).status, 200);
  assert.ok(
    (await sandbox.commands.list()).some(({ pid }) => pid === server.pid),
    "the same process goes on",
  );

  await sandbox.setTimeout(3_000);
  await until(async () => !(await sandbox.isRunning()), { withinMs: 60_000, what: "its end by the new timeout" });
  const fresh = await create();
  assert.equal((await fresh.commands.run("echo new")).stdout, "new\n");
  assert.equal(await fresh.kill(), true);
});
