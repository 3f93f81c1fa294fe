// A running sandbox becomes a template: by id, by name, by tag, overwritten, listed and deleted.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { allOf, pauseSandbox, post } from "./lifecycle-support.mjs";
import { api, client, create, Sandbox } from "./support.mjs";

const name = `snap-${Date.now().toString(36)}-${process.pid}`;
const made = new Set();
after(async () => {
  for (const id of made) await Sandbox.deleteSnapshot(id).catch(() => undefined);
});
async function snapshot(sandbox, as) {
  const info = await sandbox.createSnapshot(as === undefined ? undefined : { name: as });
  made.add(info.snapshotId);
  return info;
}
const read = async (template) => {
  const sandbox = await create({ template });
  const text = await sandbox.files.read("state.txt");
  await sandbox.kill();
  return text;
};

test("without a name it is started from by its id, processes included, and the original goes on", async () => {
  const sandbox = await create();
  await sandbox.files.write("state.txt", "one");
  const server = await sandbox.commands.run("python3 -m http.server 8000", { background: true, timeoutMs: 0 });
  const { snapshotId, names } = await snapshot(sandbox);
  assert.match(snapshotId, /^[a-z0-9]{20}:default$/);
  assert.deepEqual(names, []);
  await sandbox.files.write("state.txt", "later");
  const copy = await create({ template: snapshotId, envs: { MINE: "new" }, metadata: { own: "1" } });
  assert.equal(await copy.files.read("state.txt"), "one");
  assert.ok((await copy.commands.list()).some(({ pid }) => pid === server.pid));
  assert.equal((await copy.commands.run("echo $MINE")).stdout, "new\n");
  const info = await copy.getInfo();
  assert.deepEqual(info.metadata, { own: "1" });
  assert.equal(info.templateId, snapshotId.split(":")[0]);
  assert.equal(await sandbox.files.read("state.txt"), "later");
  assert.equal((await sandbox.getInfo()).state, "running");
  await assert.rejects(Sandbox.deleteSnapshot(snapshotId), /running sandboxes using it|sandboxes/);
  await copy.kill();
  assert.equal(await Sandbox.deleteSnapshot(snapshotId), true);
  assert.equal(await Sandbox.deleteSnapshot(snapshotId), false);
  await assert.rejects(create({ template: snapshotId }), /not found/);
});

test("a name is overwritten at once, older states stay under their tags and builds", async () => {
  const sandbox = await create();
  await sandbox.files.write("state.txt", "v1");
  const first = await snapshot(sandbox, `${name}:v1`);
  assert.equal(first.snapshotId, `local/${name}:v1`);
  assert.deepEqual(first.names, [`local/${name}`]);
  await sandbox.files.write("state.txt", "v2");
  await snapshot(sandbox, name);
  await sandbox.files.write("state.txt", "v3");
  await snapshot(sandbox, `local/${name}`);
  assert.equal(await read(name), "v3");
  assert.equal(await read(`local/${name}:v1`), "v1");
  const mine = await allOf(Sandbox.listSnapshots({ sandboxId: sandbox.sandboxId, limit: 1 }));
  assert.deepEqual(
    mine.map(({ snapshotId }) => snapshotId),
    [`local/${name}:default`],
  );
  const old = await api("GET", `/snapshots?name=${name}:v1`);
  assert.deepEqual(old.json, [{ snapshotID: `local/${name}:v1`, names: [`local/${name}`] }]);
  assert.deepEqual((await api("GET", `/snapshots?name=${name}-none`)).json, []);
  assert.ok(!(await api("GET", "/templates")).text.includes(name), "it is no template in the list");
  assert.equal(await Sandbox.deleteSnapshot(`local/${name}:v1`), true);
  assert.equal(await read(name), "v3");
  assert.equal((await api("DELETE", `/templates/${name}`)).status, 204, "by its name alone");
  await assert.rejects(create({ template: name }), /not found/);
});

test("a sandbox from a snapshot can be snapshotted, paused and resumed itself", async () => {
  const sandbox = await create();
  let at = sandbox;
  for (let generation = 1; generation <= 3; generation += 1) {
    await at.commands.run(`echo ${generation} >> state.txt`);
    const { snapshotId } = await snapshot(at);
    at = await create({ template: snapshotId });
  }
  await pauseSandbox(at);
  await at.connect();
  assert.equal(await at.files.read("state.txt"), "1\n2\n3\n");
});

test("what it refuses", async () => {
  const sandbox = await create();
  for (const bad of ["other-team/x", "a/b/c", `x:${"0".repeat(8)}-0000-4000-8000-${"0".repeat(12)}`, "ä"]) {
    const answer = await post(sandbox.sandboxId, "snapshots", { name: bad });
    assert.equal(answer.status, 400, `${bad}: ${answer.text}`);
  }
  assert.equal((await api("POST", "/sandboxes/i00000000000000000000/snapshots", { body: {} })).status, 404);
  await pauseSandbox(sandbox);
  assert.equal((await post(sandbox.sandboxId, "snapshots")).status, 409);
  await assert.rejects(Sandbox.createSnapshot("i00000000000000000000"), client.NotFoundError);
});
