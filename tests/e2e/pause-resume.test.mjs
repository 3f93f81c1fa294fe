// A sandbox is paused and comes back with its processes, memory, files, identity and tokens.
import assert from "node:assert/strict";
import { test } from "node:test";
import { infoOf, listed, pauseSandbox, post, startCounter, stateOf } from "./lifecycle-support.mjs";
import { api, client, create, Sandbox, toPort, until } from "./support.mjs";

const counter = async (sandboxId) => {
  const answer = await toPort(sandboxId, 8000);
  assert.equal(answer.status, 200);
  const [pid, count] = (await answer.text()).split(" ").map(Number);
  return { pid, count };
};
test("processes go on where they were, files and identity are the same", async () => {
  const sandbox = await create({ metadata: { of: "pause" }, envs: { KEPT: "yes" } });
  const { sandboxId } = sandbox;
  await startCounter(sandbox);
  await sandbox.files.write("kept.txt", "before");
  const command = "cat /proc/sys/kernel/random/boot_id /etc/machine-id; hostname; echo $KEPT; cat kept.txt";
  const before = (await sandbox.commands.run(command)).stdout;
  const { pid, count } = await counter(sandboxId);
  const token = (await infoOf(sandboxId)).envdAccessToken;

  assert.equal(await pauseSandbox(sandbox), true);
  assert.equal(await sandbox.isRunning(), false);
  assert.equal(await pauseSandbox(sandbox), false, "it is paused already");
  const paused = await Sandbox.getInfo(sandboxId);
  assert.equal(paused.state, "paused");
  assert.deepEqual(paused.metadata, { of: "pause" });
  assert.ok(Math.abs(paused.endAt - Date.now()) < 30_000, "it ended when it was paused");
  assert.equal((await toPort(sandboxId, 8000)).status, 502);
  assert.equal((await sandbox.getMetrics()).length >= 0, true);

  const again = await Sandbox.connect(sandboxId, { timeoutMs: 90_000 });
  assert.equal(again.sandboxId, sandboxId);
  assert.equal((await again.commands.run(command)).stdout, before);
  const after = await counter(sandboxId);
  assert.equal(after.pid, pid);
  assert.ok(after.count >= count, `${after.count} is not after ${count}`);
  const info = await infoOf(sandboxId);
  assert.equal(info.envdAccessToken, token);
  assert.equal(info.state, "running");
  assert.ok(Math.abs(Date.parse(info.endAt) - Date.now() - 90_000) < 10_000);
  const drift = (await again.commands.run("date +%s%3N")).stdout;
  assert.ok(Math.abs(Number(drift) - Date.now()) < 2_000, "its clock is right");
  assert.equal(await sandbox.files.read("kept.txt"), "before", "the handle from before works, too");
});

test("a terminal and its shell's variables live through two pauses", async () => {
  const sandbox = await create();
  let shown = "";
  const decoder = new TextDecoder();
  const pty = await sandbox.pty.create({
    cols: 80,
    rows: 24,
    timeoutMs: 0,
    onData: (data) => (shown += decoder.decode(data)),
  });
  await sandbox.pty.sendInput(pty.pid, new TextEncoder().encode("SECRET=in-memory\n"));
  for (let round = 1; round <= 2; round += 1) {
    await pauseSandbox(sandbox);
    await sandbox.connect();
    shown = "";
    const follower = await sandbox.pty.connect(pty.pid, { onData: (data) => (shown += decoder.decode(data)) });
    await sandbox.pty.sendInput(pty.pid, new TextEncoder().encode(`echo "<$SECRET ${round}>"\n`));
    await until(() => shown.includes(`<in-memory ${round}>`), { what: `the variable after pause ${round}` });
    await follower.disconnect();
  }
});

test("without memory it boots afresh: files are there, processes and variables are not", async () => {
  const sandbox = await create({ envs: { GONE: "yes" } });
  await startCounter(sandbox);
  await sandbox.files.write("kept.txt", "still");
  const boot = (await sandbox.commands.run("cat /proc/sys/kernel/random/boot_id")).stdout;
  assert.equal((await post(sandbox.sandboxId, "pause", { memory: false })).status, 204);
  await sandbox.connect();
  assert.notEqual((await sandbox.commands.run("cat /proc/sys/kernel/random/boot_id")).stdout, boot);
  assert.equal(await sandbox.files.read("kept.txt"), "still");
  assert.equal((await sandbox.commands.run("pgrep -fc counter.py || true")).stdout.trim() <= 1, true);
  assert.equal((await toPort(sandbox.sandboxId, 8000)).status, 502);
  assert.equal((await sandbox.commands.run("whoami; pwd")).stdout, "user\n/home/user\n");
});

test("a pause with memory can be left behind: memory false on connect boots from its disk", async () => {
  const sandbox = await create();
  await startCounter(sandbox);
  const boot = (await sandbox.commands.run("cat /proc/sys/kernel/random/boot_id; sync")).stdout;
  await pauseSandbox(sandbox);
  const answer = await post(sandbox.sandboxId, "connect", { timeout: 60, memory: false });
  assert.equal(answer.status, 201, answer.text);
  assert.notEqual((await sandbox.commands.run("cat /proc/sys/kernel/random/boot_id; sync")).stdout, boot);
  assert.match(await sandbox.files.read("counter.py"), /ThreadingHTTPServer/);
  assert.equal((await toPort(sandbox.sandboxId, 8000)).status, 502);
});

test("resume and connect answer as they must in every state", async () => {
  const sandbox = await create();
  const { sandboxId } = sandbox;
  assert.equal((await post(sandboxId, "connect", { timeout: 10 })).status, 200);
  const running = await post(sandboxId, "resume");
  assert.equal(running.status, 409);
  assert.equal(running.json.message, `Sandbox ${sandboxId} is already running`);
  await pauseSandbox(sandbox);
  for (const [method, verb, body] of [
    ["POST", "timeout", { timeout: 60 }],
    ["POST", "refreshes", {}],
    ["PUT", "network", { denyOut: [] }],
    ["POST", "fork", {}],
    ["POST", "snapshots", {}],
  ]) {
    const answer = await api(method, `/sandboxes/${sandboxId}/${verb}`, { body });
    assert.equal(answer.status, 409, `${verb}: ${answer.text}`);
    assert.equal(answer.json.code, 409);
  }
  assert.equal((await post(sandboxId, "connect", { timeout: 25 * 3600 })).status, 400);
  const resumed = await post(sandboxId, "resume", { timeout: 60 });
  assert.equal(resumed.status, 201);
  assert.equal(resumed.json.sandboxID, sandboxId);
  await pauseSandbox(sandbox);
  assert.equal((await api("POST", `/v2/sandboxes/${sandboxId}/connect`)).status, 201);
  const info = await infoOf(sandboxId);
  assert.ok(Math.abs(Date.parse(info.endAt) - Date.now() - 300_000) < 10_000);
});

test("killed while paused it is gone", async () => {
  const sandbox = await create();
  await pauseSandbox(sandbox);
  assert.equal(await sandbox.kill(), true);
  assert.equal(await sandbox.kill(), false);
  assert.equal(await stateOf(sandbox.sandboxId), 404);
  await assert.rejects(Sandbox.connect(sandbox.sandboxId), client.NotFoundError);
});

test("lists show running and paused ones in one order, page by page", async () => {
  const tag = `paused-${Date.now()}-${process.pid}`;
  const made = [];
  for (let i = 0; i < 4; i += 1) made.push(await create({ metadata: { tag } }));
  const ids = made.map(({ sandboxId }) => sandboxId);
  await Promise.all([pauseSandbox(made[0]), pauseSandbox(made[2])]);
  const names = (items) => items.map(({ sandboxId }) => sandboxId);
  assert.deepEqual(names(await listed({ metadata: { tag } })), ids.toReversed?.() ?? [...ids].reverse());
  assert.deepEqual(names(await listed({ metadata: { tag }, state: ["paused"] })), [ids[2], ids[0]]);
  assert.deepEqual(names(await listed({ metadata: { tag }, state: ["running"] })), [ids[3], ids[1]]);
  const pages = Sandbox.list({ query: { metadata: { tag } }, limit: 3 });
  assert.deepEqual(names(await pages.nextItems()), [ids[3], ids[2], ids[1]]);
  assert.deepEqual(names(await pages.nextItems()), [ids[0]]);
  assert.equal(pages.hasNext, false);
  const plain = await api("GET", `/v2/sandboxes?metadata=${encodeURIComponent(`tag=${tag}`)}`);
  assert.equal(plain.headers.get("x-total-running"), "2");
});

test("what a sandbox may reach is the same after a pause", async () => {
  const sandbox = await create({ network: { denyOut: ["0.0.0.0/0"], allowOut: ["198.51.100.7"] } });
  const before = await infoOf(sandbox.sandboxId);
  await pauseSandbox(sandbox);
  assert.deepEqual((await infoOf(sandbox.sandboxId)).network, before.network);
  await sandbox.connect();
  const after = await infoOf(sandbox.sandboxId);
  assert.deepEqual(after.network, before.network);
  assert.equal(after.allowInternetAccess, before.allowInternetAccess);
  const blocked = await sandbox.commands.run("curl -s -m 2 http://192.0.2.2:22; echo $?");
  assert.notEqual(blocked.stdout.trim(), "0");
});
