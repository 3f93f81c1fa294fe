// The api, and Redis, die while sandboxes are being paused and resumed. Whatever the moment: every sandbox ends up running or
// paused, is what the lists say it is, and comes back whole, processes included; none runs twice and none is lost.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { killAndAwait } from "../e2e/installation.mjs";
import { pauseSandbox, post, startCounter, stateOf } from "../e2e/lifecycle-support.mjs";
import { create, Sandbox, toPort, until } from "../e2e/support.mjs";

const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Its program's pid and how far it has counted. */
async function countOf(sandbox) {
  const answer = await toPort(sandbox.sandboxId, 8000);
  assert.equal(answer.status, 200, `${sandbox.sandboxId}: ${answer.status}`);
  const [pid, count] = (await answer.text()).split(" ").map(Number);
  return { pid, count };
}
async function marked(options) {
  const sandbox = await create({ timeoutMs: 300_000, ...options });
  await startCounter(sandbox);
  await sandbox.files.write("mark.txt", sandbox.sandboxId);
  return { sandbox, before: await countOf(sandbox) };
}
const isSettled = async ({ sandbox }) => {
  const state = await stateOf(sandbox.sandboxId).catch(() => undefined);
  return state === "running" || state === "paused";
};
async function assertWhole({ sandbox, before }) {
  await until(
    async () =>
      [200, 201].includes((await post(sandbox.sandboxId, "connect", { timeout: 120 }).catch(() => ({}))).status),
    { withinMs: 60_000, everyMs: 300, what: `${sandbox.sandboxId} to come back` },
  );
  assert.equal(await sandbox.files.read("mark.txt"), sandbox.sandboxId);
  const after = await countOf(sandbox);
  assert.equal(after.pid, before.pid, "the same process goes on");
  assert.ok(after.count >= before.count, "from where it was");
  const named = (await Sandbox.list().nextItems()).filter(({ sandboxId }) => sandboxId === sandbox.sandboxId);
  assert.equal(named.length, 1);
}

test("the api dies in the middle of pauses and resumes", async () => {
  const pausing = await Promise.all([1, 2, 3].map(() => marked()));
  const resuming = await Promise.all([1, 2].map(() => marked()));
  for (const { sandbox } of resuming) await pauseSandbox(sandbox);
  const calls = [];
  // Each is at another step when the api dies.
  for (const { sandbox } of pausing) {
    calls.push(post(sandbox.sandboxId, "pause").catch(() => undefined));
    await rest(45);
  }
  for (const { sandbox } of resuming) {
    calls.push(post(sandbox.sandboxId, "connect", { timeout: 120 }).catch(() => undefined));
    await rest(8);
  }
  await killAndAwait("api");
  await Promise.all(calls);
  for (const one of [...pausing, ...resuming]) {
    await until(() => isSettled(one), { withinMs: 60_000, everyMs: 200, what: `${one.sandbox.sandboxId} to settle` });
    await assertWhole(one);
  }
  await Promise.all([...pausing, ...resuming].map(({ sandbox }) => sandbox.kill()));
});

test("Redis dies with all it holds, while sandboxes are paused and while one is being paused", async () => {
  const paused = await marked({ metadata: { kept: "yes" } });
  const sleeping = await marked({ lifecycle: { onTimeout: "pause", autoResume: true } });
  const pausing = await marked();
  await pauseSandbox(paused.sandbox);
  await pauseSandbox(sleeping.sandbox);
  const call = post(pausing.sandbox.sandboxId, "pause").catch(() => undefined);
  await rest(60);
  rmSync(`${process.env.SANDLOT_DATA_DIR}/redis/appendonlydir`, { recursive: true });
  await killAndAwait("redis");
  await call;
  await until(async () => (await stateOf(paused.sandbox.sandboxId)) === "paused", { withinMs: 60_000 });
  await until(async () => (await toPort(sleeping.sandbox.sandboxId, 8000)).status === 200, {
    withinMs: 60_000,
    what: "traffic to wake it",
  });
  for (const one of [paused, sleeping, pausing]) await assertWhole(one);
  assert.deepEqual((await paused.sandbox.getInfo()).metadata, { kept: "yes" });
  await Promise.all([paused, sleeping, pausing].map(({ sandbox }) => sandbox.kill()));
});
