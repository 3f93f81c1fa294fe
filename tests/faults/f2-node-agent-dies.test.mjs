// F2: the node's agent is killed outright while sandboxes live. They go on, and the next start takes them up again:
// same processes, same files, same token; and what was half made is gone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { killAndAwait } from "../e2e/installation.mjs";
import { create, Sandbox, until } from "../e2e/support.mjs";

async function survives(name) {
  const sandbox = await create();
  await sandbox.files.write("before.txt", "kept");
  const ticker = await sandbox.commands.run("while true; do date +%s%N > tick; sleep 0.1; done", {
    background: true,
    timeoutMs: 0,
  });
  await killAndAwait(name);
  await until(() => sandbox.isRunning().catch(() => false), {
    withinMs: 60_000,
    everyMs: 200,
    what: "the sandbox's return",
  });
  assert.equal(await sandbox.files.read("before.txt"), "kept");
  assert.ok(
    (await sandbox.commands.list()).some((process) => process.pid === ticker.pid),
    "the same process goes on",
  );
  const before = await sandbox.files.read("tick");
  await until(async () => (await sandbox.files.read("tick")) !== before, { what: "the next tick" });
  const found = await Sandbox.list().nextItems();
  assert.ok(
    found.some((item) => item.sandboxId === sandbox.sandboxId),
    "listed",
  );
  const fresh = await until(() => create().catch(() => undefined), {
    withinMs: 60_000,
    everyMs: 500,
    what: "a new sandbox",
  });
  assert.equal((await fresh.commands.run("echo new")).stdout, "new\n");
  assert.equal(await sandbox.kill(), true);
  assert.equal(await sandbox.isRunning(), false);
}

for (const name of ["orchestrator", "api", "client-proxy"]) {
  test(`F2 ${name} is killed and live sandboxes go on`, () => survives(name));
}

test("F2 the node's agent dies while sandboxes are being made: nothing half made is left", async () => {
  const attempts = Array.from({ length: 12 }, () =>
    create().then(
      (sandbox) => sandbox,
      () => undefined,
    ),
  );
  await new Promise((resolve) => setTimeout(resolve, 60));
  await killAndAwait("orchestrator");
  const made = (await Promise.all(attempts)).filter((sandbox) => sandbox !== undefined);
  for (const sandbox of made) {
    await until(() => sandbox.isRunning().catch(() => false), {
      withinMs: 60_000,
      everyMs: 200,
      what: "a created sandbox",
    });
  }
  await Promise.all(made.map((sandbox) => sandbox.kill()));
});
