// Copies of a running sandbox: its processes and files under an identity of their own, each on its own from then on.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { infoOf, kill, pauseSandbox, post, startCounter } from "./lifecycle-support.mjs";
import { api, create, Sandbox, toPort } from "./support.mjs";

const copies = [];
after(() => Promise.allSettled(copies.map((sandbox) => sandbox.kill())));
async function fork(sandbox, options) {
  const made = await sandbox.fork(options);
  for (const one of made) if (!(one instanceof Error)) copies.push(one);
  return made;
}

test("copies run what the original runs, and none sees what another does", async () => {
  const sandbox = await create({ envs: { SHARED: "yes" }, metadata: { of: "fork" } });
  await startCounter(sandbox);
  const server = (await (await toPort(sandbox.sandboxId, 8000)).text()).split(" ")[0];
  const before = await infoOf(sandbox.sandboxId);
  const made = await fork(sandbox, { count: 3, timeoutMs: 90_000 });
  assert.equal(made.length, 3);
  for (const one of made) assert.ok(!(one instanceof Error), String(one));
  const all = [sandbox, ...made];
  const identity = "cat /etc/machine-id /proc/sys/kernel/random/boot_id; hostname; echo $E2B_SANDBOX_ID";
  const identities = await Promise.all(all.map(async (one) => (await one.commands.run(identity)).stdout));
  assert.equal(new Set(identities).size, 4);
  for (const [index, one] of all.entries()) {
    assert.equal(identities[index].trim().split("\n").at(-1), one.sandboxId);
    const [pid] = (await (await toPort(one.sandboxId, 8000)).text()).split(" ");
    assert.equal(pid, server);
    assert.equal((await one.commands.run("echo $SHARED")).stdout, "yes\n");
    await one.files.write("mine.txt", one.sandboxId);
  }
  for (const one of all) assert.equal(await one.files.read("mine.txt"), one.sandboxId);
  const infos = await Promise.all(all.map((one) => infoOf(one.sandboxId)));
  assert.equal(new Set(infos.map((info) => info.envdAccessToken)).size, 4);
  assert.equal(infos[0].endAt, before.endAt, "the original's end did not move");
  for (const info of infos.slice(1)) {
    assert.deepEqual(info.metadata, { of: "fork" });
    assert.equal(info.templateID, before.templateID);
    assert.ok(Math.abs(Date.parse(info.endAt) - Date.now() - 90_000) < 20_000);
  }
});

test("a copy of a copy, a pause of a copy, and the original's end change nothing for the others", async () => {
  const sandbox = await create();
  await sandbox.files.write("line.txt", "0");
  const [first] = await fork(sandbox, { count: 1 });
  await first.files.write("line.txt", "01");
  const [second] = await fork(first, { count: 1 });
  await sandbox.kill();
  await pauseSandbox(first);
  assert.equal(await second.files.read("line.txt"), "01");
  await first.kill();
  assert.equal((await second.commands.run("cat line.txt")).stdout, "01");
  await pauseSandbox(second);
  await second.connect();
  assert.equal(await second.files.read("line.txt"), "01");
});

test("random numbers and tokens differ between copies", async () => {
  const sandbox = await create();
  const made = await fork(sandbox, { count: 2 });
  const draw = "head -c 16 /dev/urandom | od -An -tx1; python3 -c 'import uuid; print(uuid.uuid4())'";
  const drawn = await Promise.all([sandbox, ...made].map(async (one) => (await one.commands.run(draw)).stdout));
  assert.equal(new Set(drawn.flatMap((text) => text.trim().split("\n"))).size, 6);
  const foreign = await fetch(`${process.env.E2B_SANDBOX_URL}/files?path=/etc/hostname`, {
    headers: {
      "E2b-Sandbox-Id": made[0].sandboxId,
      "E2b-Sandbox-Port": "49983",
      "X-Access-Token": (await infoOf(sandbox.sandboxId)).envdAccessToken,
    },
  });
  assert.equal(foreign.status, 401);
});

test("what it refuses", async () => {
  const sandbox = await create();
  const said = async (body) => {
    const { status, json } = await post(sandbox.sandboxId, "fork", body);
    return [status, json.message];
  };
  assert.deepEqual(await said({ count: 0 }), [400, "Count must be at least 1"]);
  assert.deepEqual(await said({ count: 101 }), [400, "Count cannot be greater than 100"]);
  assert.equal((await api("POST", "/sandboxes/i00000000000000000000/fork", { body: {} })).status, 404);
  await pauseSandbox(sandbox);
  const [status, message] = await said({});
  assert.equal(status, 409);
  assert.match(message, /is paused and cannot be forked; resume it first/);
});

test("by its id, without a handle, one copy is made", async () => {
  const sandbox = await create();
  const { status, json } = await post(sandbox.sandboxId, "fork");
  assert.equal(status, 201);
  assert.equal(json.length, 1);
  assert.equal((await Sandbox.getInfo(json[0].sandbox.sandboxID)).state, "running");
  assert.equal(await kill(json[0].sandbox.sandboxID), true);
});
