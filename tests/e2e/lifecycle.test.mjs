import assert from "node:assert/strict";
import { test } from "node:test";
import { api, client, create, pause, Sandbox, until } from "./support.mjs";

test("creates a sandbox that runs a command at once", async () => {
  const sandbox = await create();
  assert.match(sandbox.sandboxId, /^i[a-z0-9]{20}$/);
  const result = await sandbox.commands.run("echo hello");
  assert.equal(result.stdout, "hello\n");
  assert.equal(result.exitCode, 0);
});

test("tells what it knows of a sandbox", async () => {
  const sandbox = await create({ metadata: { purpose: "info" }, timeoutMs: 60_000 });
  const info = await sandbox.getInfo();
  assert.equal(info.sandboxId, sandbox.sandboxId);
  assert.equal(info.name, "base");
  assert.equal(info.state, "running");
  assert.deepEqual(info.metadata, { purpose: "info" });
  assert.equal(info.envdVersion, "0.6.13");
  assert.equal(info.cpuCount, 2);
  assert.equal(info.memoryMB, 1024);
  const leftMs = info.endAt.getTime() - info.startedAt.getTime();
  assert.ok(leftMs >= 50_000 && leftMs <= 61_500, `lives for ${leftMs} ms`);
  assert.ok(Math.abs(Date.now() - info.startedAt.getTime()) < 10_000);
});

test("runs until killed, and is gone the moment it is", async () => {
  const sandbox = await create();
  assert.equal(await sandbox.isRunning(), true);
  assert.equal(await sandbox.kill(), true);
  assert.equal(await sandbox.isRunning(), false);
  assert.equal(await sandbox.kill(), false, "a second kill finds nothing");
  await assert.rejects(Sandbox.connect(sandbox.sandboxId), client.NotFoundError);
  await assert.rejects(Sandbox.getInfo(sandbox.sandboxId), client.NotFoundError);
});

test("kills by id, and answers false for an id that never was", async () => {
  const sandbox = await create();
  assert.equal(await Sandbox.kill(sandbox.sandboxId), true);
  assert.equal(await Sandbox.kill("i00000000000000000000"), false);
});

test("ends when its time is over", async () => {
  const sandbox = await create({ timeoutMs: 3_000 });
  assert.equal(await sandbox.isRunning(), true);
  await pause(3_300);
  await until(async () => !(await sandbox.isRunning()), { what: "the end by timeout" });
});

test("setTimeout shortens and lengthens", async () => {
  const sandbox = await create({ timeoutMs: 60_000 });
  await sandbox.setTimeout(300_000);
  const long = await sandbox.getInfo();
  assert.ok(long.endAt.getTime() - Date.now() > 290_000);
  await sandbox.setTimeout(1_000);
  await until(async () => !(await sandbox.isRunning()), { what: "the shortened end" });
});

test("connect finds the same machine, and never shortens its life", async () => {
  const sandbox = await create({ timeoutMs: 300_000 });
  await sandbox.files.write("kept.txt", "here");
  const before = await sandbox.getInfo();
  const again = await Sandbox.connect(sandbox.sandboxId, { timeoutMs: 10_000 });
  assert.equal(again.sandboxId, sandbox.sandboxId);
  assert.equal(await again.files.read("kept.txt"), "here");
  const after = await again.getInfo();
  assert.equal(after.endAt.getTime(), before.endAt.getTime());
  await Sandbox.connect(sandbox.sandboxId, { timeoutMs: 900_000 });
  assert.ok((await again.getInfo()).endAt.getTime() > before.endAt.getTime());
});

test("hands environment variables to every command, and one command's own to it alone", async () => {
  const sandbox = await create({ envs: { FOO: "sandbox" } });
  assert.equal((await sandbox.commands.run("echo $FOO")).stdout, "sandbox\n");
  assert.equal((await sandbox.commands.run("echo $FOO", { envs: { FOO: "mine" } })).stdout, "mine\n");
  assert.equal((await sandbox.commands.run("echo $FOO")).stdout, "sandbox\n");
  const own = await sandbox.commands.run("echo $E2B_SANDBOX $E2B_SANDBOX_ID; cat /run/e2b/.E2B_SANDBOX_ID");
  assert.equal(own.stdout.replaceAll("\n", " ").trim(), `true ${sandbox.sandboxId} ${sandbox.sandboxId}`);
});

test("lists with filters, order and pages", async () => {
  const tag = `list-${Date.now()}`;
  const first = await create({ metadata: { tag, n: "1 & 2=ä" } });
  const second = await create({ metadata: { tag } });
  const third = await create({ metadata: { tag } });
  const all = await Sandbox.list({ query: { metadata: { tag } } }).nextItems();
  assert.deepEqual(
    all.map((item) => item.sandboxId),
    [third, second, first].map((sandbox) => sandbox.sandboxId),
    "newest first",
  );
  const odd = await Sandbox.list({ query: { metadata: { n: "1 & 2=ä" } } }).nextItems();
  assert.deepEqual(
    odd.map((item) => item.sandboxId),
    [first.sandboxId],
  );
  const pages = Sandbox.list({ query: { metadata: { tag }, state: ["running"] }, limit: 2 });
  const pageOne = await pages.nextItems();
  assert.equal(pageOne.length, 2);
  assert.equal(pages.hasNext, true);
  const pageTwo = await pages.nextItems();
  assert.deepEqual(
    pageTwo.map((item) => item.sandboxId),
    [first.sandboxId],
  );
  assert.equal(pages.hasNext, false);
  assert.equal((await Sandbox.list({ query: { metadata: { tag }, state: ["paused"] } }).nextItems()).length, 0);
  assert.equal((await Sandbox.list({ query: { metadata: { tag: `${tag}-none` } } }).nextItems()).length, 0);
});

test("an unknown template is a 404 that names it", async () => {
  await assert.rejects(create({ template: "no-such-template" }), (error) => /no-such-template/.test(error.message));
});

test("a wrong key is refused", async () => {
  await assert.rejects(create({ apiKey: `e2b_${"0".repeat(40)}` }), client.AuthenticationError);
});

test("each bad timeout gets its clear answer, and nothing is made", async () => {
  const before = (await Sandbox.list().nextItems()).length;
  for (const path of ["/sandboxes", "/v2/sandboxes"]) {
    for (const timeout of [0, -1]) {
      const answer = await api("POST", path, { body: { templateID: "base", timeout } });
      assert.equal(answer.status, 400, `${path} ${timeout}`);
      assert.equal(answer.json.code, 400);
      assert.match(answer.json.message, /timeout/i);
    }
    const long = await api("POST", path, { body: { templateID: "base", timeout: 25 * 3600 } });
    assert.equal(long.status, 400);
    assert.match(long.json.message, /Timeout cannot be greater than 24 hours/);
    for (const timeout of [2 ** 31, 1.5, "60", "NaN", null, true]) {
      const answer = await api("POST", path, { body: { templateID: "base", timeout } });
      assert.equal(answer.status, 400, `${path} ${JSON.stringify(timeout)}`);
      assert.equal(answer.json.code, 400);
    }
  }
  assert.equal((await Sandbox.list().nextItems()).length, before);
});

test("malformed bodies and ids are refused, and the service goes on", async () => {
  for (const raw of ["{", "[]", '"text"', "null", '{"templateID":5}', "{}"]) {
    const answer = await api("POST", "/sandboxes", { raw });
    assert.equal(answer.status, 400, raw);
    assert.equal(answer.json.code, 400);
  }
  for (const id of ["..%2f..%2fetc", "i%00", "%F0%9F%98%80", "a".repeat(300)]) {
    const answer = await api("GET", `/sandboxes/${id}`);
    assert.ok(answer.status === 400 || answer.status === 404, `${id}: ${answer.status}`);
    assert.equal(answer.json.code, answer.status);
  }
  assert.equal((await api("GET", "/health")).status, 200);
});

test("a feature that is not there yet is refused by name, never ignored", async () => {
  for (const [method, path, body] of [
    ["POST", "/volumes", { name: "v" }],
    ["POST", "/sandboxes", { templateID: "base", volumeMounts: [{ name: "v", path: "/v" }] }],
  ]) {
    const answer = await api(method, path, { body });
    assert.equal(answer.status, 501, path);
    assert.equal(answer.json.code, 501);
    assert.match(answer.json.message, /not supported/);
  }
});

test("twenty sandboxes at once are all different and all answer", async () => {
  const sandboxes = await Promise.all(Array.from({ length: 20 }, () => create()));
  assert.equal(new Set(sandboxes.map((sandbox) => sandbox.sandboxId)).size, 20);
  const answers = await Promise.all(
    sandboxes.map((sandbox) => sandbox.commands.run("cat /proc/sys/kernel/random/boot_id /etc/machine-id; hostname")),
  );
  assert.equal(new Set(answers.map((answer) => answer.stdout)).size, 20, "boot id, machine id and name are its own");
  await Promise.all(sandboxes.map((sandbox) => sandbox.kill()));
});
