// PostgreSQL dies and comes back. Sandboxes do not pass through it: they serve on meanwhile; what needs it works again by
// itself once it is there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pidOf, untilBack } from "../e2e/installation.mjs";
import { create, Sandbox, until } from "../e2e/support.mjs";

test("PostgreSQL is killed: sandboxes serve on, and everything works again when it is back", async () => {
  const sandbox = await create();
  const old = await pidOf("postgres");
  process.kill(old, "SIGKILL");
  for (let turn = 0; turn < 5; turn += 1)
    assert.equal((await sandbox.commands.run(`echo ${turn}`)).stdout, `${turn}\n`);
  await untilBack("postgres", old);
  const listed = () => Sandbox.list().nextItems();
  const items = await until(() => listed().catch(() => undefined), { withinMs: 60_000, what: "the list" });
  assert.ok(items.some(({ sandboxId }) => sandboxId === sandbox.sandboxId));
  const fresh = await until(() => create().catch(() => undefined), { withinMs: 60_000, what: "a new sandbox" });
  assert.equal((await fresh.commands.run("echo new")).stdout, "new\n");
  assert.equal(await fresh.kill(), true);
  assert.equal(await sandbox.kill(), true);
});
