// The supervisor is killed outright. Nothing else dies with it; what dies later stays dead until the next `up`, which takes
// over what runs as it is and starts only what is missing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pidOf, sandlot, services, status, untilBack } from "../e2e/installation.mjs";
import { create, pause } from "../e2e/support.mjs";

const pids = async () => Object.fromEntries((await services()).map(({ name, pid }) => [name, pid]));

test("kill -9 of the supervisor, then up adopts everything", async () => {
  const sandbox = await create();
  const before = await pids();
  process.kill(before.supervisor, "SIGKILL");
  process.kill(before.api, "SIGKILL");
  await pause(1_000);
  assert.equal(await pidOf("api"), undefined, "nobody is there to bring it back");
  assert.equal((await status()).isUp, false);
  assert.equal((await sandbox.commands.run("echo on")).stdout, "on\n");

  await sandlot("up", "--detach");
  const after = await pids();
  for (const name of ["orchestrator", "client-proxy", "postgres", "redis"])
    assert.equal(after[name], before[name], `${name} was adopted`);
  for (const name of ["api", "supervisor"])
    assert.ok(after[name] > 1 && after[name] !== before[name], `${name} is new`);
  assert.equal((await status()).isUp, true);
  assert.equal((await sandbox.commands.run("echo on")).stdout, "on\n");
  process.kill(after.api, "SIGKILL");
  await untilBack("api", after.api);
  assert.equal(await sandbox.kill(), true);
});
