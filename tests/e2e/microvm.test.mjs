// Sandboxes with a kernel of their own, through the stock client, in an installation whose default is qemu beside containers:
// what users see, templates, then faults F1, F5 and F6 and attacks E3 to E6 as they look there. One installation, since
// making its base for virtual machines costs more than most of what follows.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { startOwnInstallation } from "../faults/own-installation.mjs";
import { ORACLE } from "./guest-programs.mjs";
import { attacks } from "./microvm/attacks.mjs";
import { faults } from "./microvm/faults.mjs";
import { templates } from "./microvm/templates.mjs";
import { client, until } from "./support.mjs";

const HOST_KERNEL = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
/** Software runs the guests where there is no KVM: ten to twenty times slower than a container. */
const slow = { timeout: 120_000 };
let own;
let qemu;
const made = [];

before(
  async () => {
    own = await startOwnInstallation({ flags: ["--runtime", "qemu,container", "--warm", "1"] });
    qemu = JSON.parse(await own.sandlot("status", "--json")).runtimes.find(({ name }) => name === "qemu");
  },
  { timeout: 240_000 },
);
after(async () => {
  if (own === undefined) return;
  await Promise.allSettled(made.map((sandbox) => sandbox.kill()));
  assert.deepEqual(await own.end(), []);
});

const create = async (options = {}) => {
  const { template = "base", ...rest } = options;
  const sandbox = await client.Sandbox.create(template, { timeoutMs: 600_000, ...own.connection, ...rest });
  made.push(sandbox);
  return sandbox;
};
const api = async (method, path, body) => {
  const answer = await fetch(`${own.connection.apiUrl}${path}`, {
    method,
    headers: { "X-API-Key": own.connection.apiKey, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, json: text === "" ? undefined : JSON.parse(text) };
};
const infoOf = async ({ sandboxId }) => (await api("GET", `/sandboxes/${sandboxId}`)).json;
const run = async (sandbox, command, options) => (await sandbox.commands.run(command, options)).stdout.trim();
const resume = (sandbox) => sandbox.connect({ timeoutMs: 600_000, requestTimeoutMs: 60_000 });
/** What `ORACLE` says inside. */
const ask = async ({ sandboxId }) => {
  const headers = { "E2b-Sandbox-Id": sandboxId, "E2b-Sandbox-Port": "8000" };
  const answer = await fetch(own.connection.sandboxUrl, { headers });
  if (answer.status !== 200) throw new Error(`${sandboxId} answers ${answer.status}`);
  const [pid, asked, kept, random, uuid] = (await answer.text()).split(" ");
  return { pid, asked: Number(asked), kept, random, uuid };
};
const startOracle = async (sandbox) => {
  await sandbox.files.write("oracle.py", ORACLE);
  await sandbox.commands.run("setsid nohup python3 oracle.py > /dev/null 2>&1 < /dev/null &");
  return await until(() => ask(sandbox).catch(() => undefined), { withinMs: 60_000, what: "the oracle" });
};
const tools = { own: () => own, qemu: () => qemu, create, api, infoOf, run, resume, ask, startOracle, slow };

test("what runs sandboxes here is told by the installation and by each sandbox, and is so", slow, async () => {
  assert.deepEqual(qemu.problems, []);
  assert.ok(["kvm", "tcg"].includes(qemu.acceleration), qemu.acceleration);
  assert.equal(qemu.memoryPauses.works, true, qemu.memoryPauses.problem);
  const sandbox = await create({ envs: { A: "b" } });
  assert.equal((await infoOf(sandbox)).runtime, "qemu");
  assert.equal(await run(sandbox, "uname -r; echo $A"), `${qemu.kernelVersion}\nb`);
  assert.notEqual(qemu.kernelVersion, HOST_KERNEL);
  await sandbox.files.write("dir/file.txt", "über");
  assert.equal(await sandbox.files.read("dir/file.txt"), "über");
  assert.equal(await run(sandbox, "id -un; pwd"), "user\n/home/user");
  // Root is root of a kernel that is the sandbox's own.
  assert.equal(
    await run(sandbox, "mkdir -p /mnt/x && mount -t tmpfs x /mnt/x && echo mounted", { user: "root" }),
    "mounted",
  );
  await sandbox.kill();
});

test("a container is there by the metadata's word, and what is not possible is said", slow, async () => {
  const sandbox = await create({ metadata: { "sandlot.runtime": "container" } });
  assert.equal((await infoOf(sandbox)).runtime, "container");
  assert.equal(await run(sandbox, "uname -r"), HOST_KERNEL);
  await sandbox.kill();
  const refused = await api("POST", "/v2/sandboxes", {
    templateID: "base",
    metadata: { "sandlot.runtime": "firecracker" },
  });
  assert.equal(refused.status, 400);
  assert.match(refused.json.message, /made for qemu, container|made for container, qemu/);
});

test("a pause keeps processes, memory and identity; one without memory keeps files and boots", slow, async () => {
  const sandbox = await create();
  const first = await startOracle(sandbox);
  const identity = "cat /etc/machine-id /proc/sys/kernel/random/boot_id; hostname";
  const before = await run(sandbox, identity);
  await sandbox.files.write("kept.txt", "kept");
  await sandbox.pause();
  assert.equal((await infoOf(sandbox)).state, "paused");
  await resume(sandbox);
  const again = await ask(sandbox);
  assert.deepEqual([again.pid, again.asked, again.kept], [first.pid, first.asked + 1, first.kept]);
  assert.equal(await run(sandbox, identity), before);
  const askedMs = Date.now();
  const clockMs = Number(await run(sandbox, "date +%s%3N"));
  assert.ok(
    clockMs > askedMs - 1_000 && clockMs < Date.now() + 1_000,
    `its clock says ${clockMs}, here it is ${askedMs}`,
  );
  assert.equal((await api("POST", `/sandboxes/${sandbox.sandboxId}/pause`, { memory: false })).status, 204);
  await resume(sandbox);
  assert.equal((await infoOf(sandbox)).runtime, "qemu");
  assert.equal(await sandbox.files.read("kept.txt"), "kept");
  assert.equal(await run(sandbox, "pgrep -f '[o]racle.py' || echo none"), "none");
  assert.notEqual(await run(sandbox, "cat /proc/sys/kernel/random/boot_id"), before.split("\n")[1]);
  await sandbox.kill();
});

test("traffic wakes one that is paused and may be woken", slow, async () => {
  const sandbox = await create({ lifecycle: { onTimeout: "pause", autoResume: true } });
  const first = await startOracle(sandbox);
  await sandbox.pause();
  assert.equal((await ask(sandbox)).kept, first.kept);
  assert.equal((await infoOf(sandbox)).state, "running");
  await sandbox.kill();
});

test(
  "E5 a fork and a template of it run the same memory under identities, randomness and tokens of their own",
  slow,
  async () => {
    const sandbox = await create();
    const first = await startOracle(sandbox);
    const { sandboxId } = sandbox;
    const answer = await api("POST", `/sandboxes/${sandboxId}/fork`, { count: 2, timeout: 600 });
    const ids = answer.json.map((one) => one.sandbox.sandboxID);
    const snapshot = await api("POST", `/sandboxes/${sandboxId}/snapshots`, {});
    assert.equal(snapshot.status, 201);
    const fromTemplate = await create({ template: snapshot.json.snapshotID });
    const copies = await Promise.all(ids.map((id) => client.Sandbox.connect(id, own.connection)));
    made.push(...copies);
    const all = [sandbox, ...copies, fromTemplate];
    const said = [];
    for (const one of all) said.push(await ask(one));
    for (const one of said) assert.deepEqual([one.pid, one.kept], [first.pid, first.kept]);
    const distinct = (values) => assert.equal(new Set(values).size, all.length, values.join(" "));
    distinct(said.map(({ random }) => random));
    distinct(said.map(({ uuid }) => uuid));
    const identity = "cat /etc/machine-id; cat /proc/sys/kernel/random/boot_id; hostname";
    const identities = [];
    for (const one of all) identities.push((await run(one, identity)).split("\n"));
    for (const at of [0, 1, 2]) distinct(identities.map((lines) => lines[at]));
    const infos = await Promise.all(all.map(infoOf));
    distinct(infos.map(({ envdAccessToken }) => envdAccessToken));
    assert.deepEqual(new Set(infos.map(({ runtime }) => runtime)), new Set(["qemu"]));
    const refused = await api("POST", "/v2/sandboxes", {
      ...{ templateID: snapshot.json.snapshotID, metadata: { "sandlot.runtime": "container" } },
    });
    assert.deepEqual([refused.status, refused.json.error_code], [400, "sandbox_runtime_not_built"]);
    await Promise.all(all.map((one) => one.kill()));
  },
);

templates(tools);
faults(tools);
attacks(tools);
