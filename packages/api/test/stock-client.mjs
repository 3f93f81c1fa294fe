// Run by stock-client.int.test.ts under Node: what a user's program does with the published client, as far as the api alone goes.
import assert from "node:assert/strict";

const { Sandbox, RateLimitError, AuthenticationError, NotFoundError, SandboxNotFoundError } = await import(
  process.argv[2]
);
const missing = SandboxNotFoundError ?? NotFoundError;

const sandbox = await Sandbox.create("base", {
  timeoutMs: 60_000,
  metadata: { user: "a b&c", n: "1" },
  envs: { A: "b" },
});
assert.match(sandbox.sandboxId, /^i[a-z0-9]{20}$/);

const info = await sandbox.getInfo();
assert.equal(info.sandboxId, sandbox.sandboxId);
assert.equal(info.name, "base");
assert.equal(info.state, "running");
assert.deepEqual(info.metadata, { user: "a b&c", n: "1" });
assert.equal(info.cpuCount, 2);
assert.equal(info.memoryMB, 1024);
assert.equal(info.envdVersion, "0.6.13");
assert.ok(Math.abs(info.endAt - Date.now() - 60_000) < 5_000);

await sandbox.setTimeout(300_000);
assert.ok(Math.abs((await sandbox.getInfo()).endAt - Date.now() - 300_000) < 5_000);
const again = await Sandbox.connect(sandbox.sandboxId, { timeoutMs: 10_000 });
assert.equal(again.sandboxId, sandbox.sandboxId);
assert.ok(Math.abs((await again.getInfo()).endAt - Date.now() - 300_000) < 5_000);

const others = await Promise.all([1, 2].map(() => Sandbox.create({ metadata: { group: "g" } })));
const found = [];
const pages = Sandbox.list({ query: { metadata: { user: "a b&c" }, state: ["running"] }, limit: 1 });
while (pages.hasNext) found.push(...(await pages.nextItems()));
assert.deepEqual(
  found.map(({ sandboxId }) => sandboxId),
  [sandbox.sandboxId],
);
const group = [];
const groupPages = Sandbox.list({ query: { metadata: { group: "g" } }, limit: 1 });
while (groupPages.hasNext) group.push(...(await groupPages.nextItems()));
assert.deepEqual(new Set(group.map(({ sandboxId }) => sandboxId)), new Set(others.map(({ sandboxId }) => sandboxId)));

const sleeper = await Sandbox.create("base", { lifecycle: { onTimeout: "pause", autoResume: true } });
assert.deepEqual((await sleeper.getInfo()).lifecycle, { onTimeout: "pause", autoResume: true });
assert.equal(await (sleeper.pause ?? sleeper.betaPause).call(sleeper), true);
assert.equal(await (sleeper.pause ?? sleeper.betaPause).call(sleeper), false, "it is paused already");
assert.equal((await Sandbox.list({ query: { state: ["paused"] } }).nextItems())[0].sandboxId, sleeper.sandboxId);
assert.equal((await sleeper.connect()).sandboxId, sleeper.sandboxId);
const copies = await sleeper.fork({ count: 2 });
assert.equal(new Set([sleeper, ...copies].map(({ sandboxId }) => sandboxId)).size, 3);
const { snapshotId, names } = await sleeper.createSnapshot({ name: `of-${sleeper.sandboxId}` });
assert.deepEqual([snapshotId, names], [`local/of-${sleeper.sandboxId}:default`, [`local/of-${sleeper.sandboxId}`]]);
assert.deepEqual(await sleeper.listSnapshots().nextItems(), [{ snapshotId, names }]);
others.push(sleeper, ...copies);
assert.equal(await Sandbox.deleteSnapshot(snapshotId), true);
assert.equal(await Sandbox.deleteSnapshot(snapshotId), false);
await assert.rejects(Sandbox.create("no-such-template"), /404.*not found/);
await assert.rejects(Sandbox.create("base", { apiKey: `e2b_${"0".repeat(40)}` }), AuthenticationError);

for (const each of [sandbox, ...others]) assert.equal(await each.kill(), true);
assert.equal(await sandbox.kill(), false);
await assert.rejects(sandbox.getInfo(), missing);
await assert.rejects(sandbox.setTimeout(1_000), missing);
await assert.rejects(Sandbox.connect(sandbox.sandboxId), missing);
assert.ok(RateLimitError);
process.stdout.write("all as expected\n");
