// F7: pauses, resumes, kills, forks and time-outs of one sandbox that run into each other. Whoever wins, what is told
// afterwards is true, memory and files are whole, and nothing is left of what lost.
import assert from "node:assert/strict";
import { test } from "node:test";
import { api, create, pause, Sandbox, until } from "../e2e/support.mjs";

const ROUNDS = 2;
const gaps = [0, 40, 150];

/** With something in memory that only this very machine knows. */
async function makeOne(options = {}) {
  const sandbox = await create({ timeoutMs: 300_000, ...options });
  const code =
    "import secrets,time\nword=secrets.token_hex(8)\nopen('/tmp/word','w').write(word)\nwhile True:\n open('/tmp/said','w').write(word); time.sleep(0.05)";
  await sandbox.files.write("/home/user/word.py", code);
  await sandbox.commands.run("python3 /home/user/word.py", { background: true, timeoutMs: 0 });
  const word = await until(() => sandbox.files.read("/tmp/word").catch(() => ""), { what: "the word" });
  return { sandbox, word };
}

/** The process still runs and knows its word. */
async function isSame({ sandbox, word }) {
  await sandbox.commands.run("rm -f /tmp/said");
  await until(async () => (await sandbox.files.read("/tmp/said").catch(() => "")) === word, { what: "the same word" });
}

const stateOf = async (sandbox) => (await api("GET", `/sandboxes/${sandbox.sandboxId}`)).json?.state ?? "gone";
const settle = (...work) => Promise.allSettled(work);
const statusOf = async (method, path, body) => (await api(method, path, { body })).status;

/** Neither in a list nor to be had. */
async function isGone(sandbox) {
  assert.equal(await stateOf(sandbox), "gone");
  const { json } = await api("GET", "/v2/sandboxes?state=running,paused&limit=100");
  assert.ok(!json.some(({ sandboxID }) => sandboxID === sandbox.sandboxId));
}

test("F7 five pauses at once are one, and a sixth afterwards is told so", async () => {
  const one = await makeOne();
  const path = `/sandboxes/${one.sandbox.sandboxId}/pause`;
  assert.deepEqual(await Promise.all(Array.from({ length: 5 }, () => statusOf("POST", path, {}))), Array(5).fill(204));
  assert.equal(await statusOf("POST", path, {}), 409);
  await one.sandbox.connect();
  await isSame(one);
  await one.sandbox.kill();
});

test("F7 five resumes at once are one machine", async () => {
  const one = await makeOne();
  await one.sandbox.pause();
  const resumed = await settle(...Array.from({ length: 5 }, () => Sandbox.connect(one.sandbox.sandboxId)));
  assert.deepEqual(
    resumed.filter(({ status }) => status === "rejected").map(({ reason }) => String(reason)),
    [],
  );
  await isSame(one);
  await one.sandbox.kill();
});

test("F7 a kill that meets a pause: the sandbox is gone, paused or not", async () => {
  for (const gapMs of gaps) {
    const { sandbox } = await makeOne();
    const pausing = sandbox.pause();
    await pause(gapMs);
    await settle(pausing, sandbox.kill());
    await isGone(sandbox);
    await assert.rejects(Sandbox.connect(sandbox.sandboxId));
  }
});

test("F7 a kill that meets a resume: the sandbox is gone", async () => {
  for (const gapMs of gaps) {
    const { sandbox } = await makeOne();
    await sandbox.pause();
    const resuming = Sandbox.connect(sandbox.sandboxId);
    await pause(gapMs / 3);
    await settle(resuming, Sandbox.kill(sandbox.sandboxId));
    // The one that came second may have been told to come again.
    if ((await stateOf(sandbox)) !== "gone") await Sandbox.kill(sandbox.sandboxId);
    await isGone(sandbox);
  }
});

test("F7 two kills at once: one did it, neither fails", async () => {
  const { sandbox } = await makeOne();
  const killed = await Promise.all([sandbox.kill(), sandbox.kill(), Sandbox.kill(sandbox.sandboxId)]);
  assert.ok(killed.some(Boolean));
  await isGone(sandbox);
});

test("F7 a connect that meets a pause ends running or paused, with its memory", async () => {
  const one = await makeOne();
  for (const gapMs of gaps) {
    const pausing = one.sandbox.pause();
    await pause(gapMs);
    await settle(pausing, Sandbox.connect(one.sandbox.sandboxId));
    assert.match(await stateOf(one.sandbox), /^(running|paused)$/);
    await Sandbox.connect(one.sandbox.sandboxId, { timeoutMs: 300_000 });
    await isSame(one);
  }
  await one.sandbox.kill();
});

test("F7 a fork that meets a pause or a kill: children are whole or not there, the parent is told truly", async () => {
  for (const other of ["pause", "kill"]) {
    for (const gapMs of [0, 100]) {
      const one = await makeOne();
      const forking = one.sandbox.fork({ count: 2 });
      await pause(gapMs);
      const [forked] = await settle(forking, one.sandbox[other]());
      const children = (forked.value ?? []).filter((child) => !(child instanceof Error));
      for (const child of children) {
        await isSame({ sandbox: child, word: one.word });
        await child.kill();
      }
      const state = await stateOf(one.sandbox);
      assert.match(state, other === "pause" ? /^(running|paused)$/ : /^gone$/);
      if (state === "gone") continue;
      await Sandbox.connect(one.sandbox.sandboxId);
      await isSame(one);
      await one.sandbox.kill();
    }
  }
});

test("F7 a time-out that pauses meets connects, pauses and kills", async () => {
  const lifecycle = { onTimeout: "pause" };
  for (let round = 0; round < ROUNDS; round += 1) {
    const one = await makeOne({ lifecycle });
    await one.sandbox.setTimeout(1_000);
    await pause(950 + 40 * round);
    await settle(Sandbox.connect(one.sandbox.sandboxId, { timeoutMs: 300_000 }));
    await pause(500);
    await Sandbox.connect(one.sandbox.sandboxId, { timeoutMs: 300_000 });
    await isSame(one);
    await one.sandbox.setTimeout(1_000);
    await pause(950 + 40 * round);
    await settle(
      one.sandbox.pause(),
      pause(round * 20).then(() => one.sandbox.kill()),
    );
    if ((await stateOf(one.sandbox)) !== "gone") await one.sandbox.kill();
    await isGone(one.sandbox);
  }
});
