// A pause meets a kill, a connect, a timeout, a fork and other pauses: every call gets a true answer, and nothing is left between.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { infoOf, kill, post, stateOf } from "./lifecycle-support.mjs";
import { api, create, until } from "./support.mjs";

const copies = [];
after(() => Promise.allSettled(copies.map(kill)));
const del = (sandboxId) => api("DELETE", `/sandboxes/${sandboxId}`);
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function marked() {
  const sandbox = await create();
  await sandbox.files.write("mark.txt", sandbox.sandboxId);
  return sandbox;
}
/** Whatever came of it, it is whole: it can be brought back and knows what it knew. */
async function assertWhole(sandbox) {
  const answer = await post(sandbox.sandboxId, "connect", { timeout: 60 });
  assert.ok([200, 201].includes(answer.status), answer.text);
  assert.equal(await sandbox.files.read("mark.txt"), sandbox.sandboxId);
}

test("five pauses at once are one, a later one is told so", async () => {
  const sandbox = await marked();
  const all = await Promise.all([1, 2, 3, 4, 5].map(() => post(sandbox.sandboxId, "pause")));
  assert.deepEqual(
    all.map(({ status }) => status),
    [204, 204, 204, 204, 204],
  );
  const late = await post(sandbox.sandboxId, "pause");
  assert.equal(late.status, 409);
  assert.equal(late.json.message, `Error pausing sandbox - sandbox '${sandbox.sandboxId}' is already paused`);
  await assertWhole(sandbox);
});

test("pause and kill: both succeed or the pause finds nothing, and it is gone for good", async () => {
  for (const waitMs of [0, 20, 80]) {
    const { sandboxId } = await marked();
    const pausing = post(sandboxId, "pause");
    await rest(waitMs);
    const killed = await del(sandboxId);
    assert.equal(killed.status, 204, killed.text);
    assert.ok([204, 404, 409].includes((await pausing).status));
    assert.equal(await stateOf(sandboxId), 404);
    assert.equal((await post(sandboxId, "connect", { timeout: 5 })).status, 404);
  }
});

test("pause and connect: the connect waits and the sandbox runs", async () => {
  for (const waitMs of [5, 60]) {
    const sandbox = await marked();
    const pausing = post(sandbox.sandboxId, "pause");
    await rest(waitMs);
    const connected = await post(sandbox.sandboxId, "connect", { timeout: 60 });
    assert.ok([200, 201].includes(connected.status), connected.text);
    assert.equal((await pausing).status, 204);
    await assertWhole(sandbox);
  }
});

test("ten connects to a paused one: one resume, ten answers", async () => {
  const sandbox = await marked();
  await post(sandbox.sandboxId, "pause");
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => post(sandbox.sandboxId, "connect", { timeout: 60 })),
  );
  assert.ok(
    answers.every(({ status }) => status === 200 || status === 201),
    answers.map(({ text }) => text).join(),
  );
  const logs = await until(async () => {
    const { json } = await api("GET", `/v2/sandboxes/${sandbox.sandboxId}/logs?search=sandbox%20resumed`);
    return json.logs.length > 0 && json.logs;
  });
  assert.equal(logs.length, 1);
  await assertWhole(sandbox);
});

test("kill and resume: it runs or it is gone, never both", async () => {
  const sandbox = await marked();
  const { sandboxId } = sandbox;
  await post(sandboxId, "pause");
  const [resumed, killed] = await Promise.all([post(sandboxId, "resume", { timeout: 60 }), del(sandboxId)]);
  assert.ok([201, 404].includes(resumed.status), resumed.text);
  assert.equal(killed.status, 204, killed.text);
  await until(async () => (await stateOf(sandboxId)) === 404, { what: "its end" });
});

test("pause and timeout: the end is moved before, or refused by name", async () => {
  const sandbox = await marked();
  const { sandboxId } = sandbox;
  const [paused, moved] = await Promise.all([
    post(sandboxId, "pause"),
    rest(10).then(() => post(sandboxId, "timeout", { timeout: 60 })),
  ]);
  assert.equal(paused.status, 204);
  assert.ok([204, 409].includes(moved.status));
  if (moved.status === 409) assert.match(moved.json.message, /is being paused|is paused/);
  await assertWhole(sandbox);
});

test("pause and fork, fork and pause: what was asked second waits or is refused, and all that was made is whole", async () => {
  for (const verbs of [
    ["pause", "fork"],
    ["fork", "pause"],
  ]) {
    const sandbox = await marked();
    const { sandboxId } = sandbox;
    const first = post(sandboxId, verbs[0]);
    await rest(15);
    const second = await post(sandboxId, verbs[1]);
    const answers = { [verbs[0]]: await first, [verbs[1]]: second };
    assert.equal(answers.pause.status, 204, answers.pause.text);
    assert.ok([201, 409].includes(answers.fork.status), answers.fork.text);
    for (const { sandbox: copy } of answers.fork.status === 201 ? answers.fork.json : []) {
      copies.push(copy.sandboxID);
      assert.equal((await infoOf(copy.sandboxID)).state, "running");
    }
    await assertWhole(sandbox);
  }
});

test("an end by time that meets an extension: it is paused once, or lives on", async () => {
  const sandbox = await create({ lifecycle: { onTimeout: "pause" } });
  await sandbox.files.write("mark.txt", sandbox.sandboxId);
  await sandbox.setTimeout(400);
  await rest(390);
  const extended = await post(sandbox.sandboxId, "timeout", { timeout: 60 });
  assert.ok([204, 409].includes(extended.status), extended.text);
  await until(async () => ["running", "paused"].includes(await stateOf(sandbox.sandboxId)));
  await assertWhole(sandbox);
});
