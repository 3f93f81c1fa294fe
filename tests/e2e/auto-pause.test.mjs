// At the end of its time a sandbox is paused instead of killed, where it was created so.
import assert from "node:assert/strict";
import { test } from "node:test";
import { infoOf, post, stateOf } from "./lifecycle-support.mjs";
import { api, create, Sandbox, until } from "./support.mjs";

const untilState = (sandboxId, state) =>
  until(async () => (await stateOf(sandboxId)) === state, { withinMs: 60_000, what: `${sandboxId} to be ${state}` });

test("pauses with memory, or with files only, and comes back", async () => {
  const onTimeout = (keepMemory) => ({ autoPause: true, ...(keepMemory ? {} : { autoPauseMemory: false }) });
  const start = async (keepMemory) => {
    const body = { templateID: "base", timeout: 60, ...onTimeout(keepMemory) };
    const { json } = await api("POST", "/v2/sandboxes", { body });
    const sandbox = await Sandbox.connect(json.sandboxID);
    await sandbox.commands.run("sleep 1000", { background: true, timeoutMs: 0 });
    await sandbox.files.write("kept.txt", "kept");
    await sandbox.setTimeout(500);
    return sandbox;
  };
  const [whole, files] = await Promise.all([start(true), start(false)]);
  const { lifecycle } = await infoOf(whole.sandboxId);
  assert.deepEqual(lifecycle, { onTimeout: "pause", autoResume: false });
  await Promise.all([untilState(whole.sandboxId, "paused"), untilState(files.sandboxId, "paused")]);
  await Promise.all([whole.connect({ timeoutMs: 60_000 }), files.connect({ timeoutMs: 60_000 })]);
  const sleeps = async (sandbox) => (await sandbox.commands.run("pgrep -x sleep | wc -l")).stdout.trim();
  assert.equal(await sleeps(whole), "1");
  assert.equal(await sleeps(files), "0");
  for (const sandbox of [whole, files]) {
    assert.equal(await sandbox.files.read("kept.txt"), "kept");
    assert.equal((await infoOf(sandbox.sandboxId)).lifecycle.onTimeout, "pause", "it stays so");
  }
  await Promise.all([whole.kill(), files.kill()]);
});

test("pauses again and again, each time at the end of that life", async () => {
  const sandbox = await create({ lifecycle: { onTimeout: "pause" }, timeoutMs: 60_000 });
  for (let round = 0; round < 3; round += 1) {
    await sandbox.commands.run(`echo ${round} >> rounds.txt`);
    await sandbox.setTimeout(300);
    await untilState(sandbox.sandboxId, "paused");
    await sandbox.connect({ timeoutMs: 60_000 });
  }
  assert.equal(await sandbox.files.read("rounds.txt"), "0\n1\n2\n");
});

test("a kill by its time leaves what an earlier pause has kept, a kill by its user does not", async () => {
  const sandbox = await create();
  await sandbox.files.write("at.txt", "the pause");
  assert.equal((await post(sandbox.sandboxId, "pause")).status, 204);
  await sandbox.connect();
  await sandbox.files.write("at.txt", "later");
  await sandbox.setTimeout(300);
  await untilState(sandbox.sandboxId, "paused");
  await sandbox.connect();
  assert.equal(await sandbox.files.read("at.txt"), "the pause");
  assert.equal(await sandbox.kill(), true);
  assert.equal(await stateOf(sandbox.sandboxId), 404);
});

test("says in its log what happened to it", async () => {
  const sandbox = await create({ lifecycle: { onTimeout: "pause" } });
  await sandbox.setTimeout(300);
  await untilState(sandbox.sandboxId, "paused");
  await sandbox.connect();
  await until(
    async () => {
      const { json } = await api("GET", `/v2/sandboxes/${sandbox.sandboxId}/logs?direction=forward`);
      const said = json.logs
        .map(({ message }) => message)
        .filter((message) => /^sandbox (paused|resumed)$/.test(message));
      return said.join() === "sandbox paused,sandbox resumed";
    },
    { what: "both lines" },
  );
});
