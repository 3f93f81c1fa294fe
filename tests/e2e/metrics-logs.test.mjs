import assert from "node:assert/strict";
import { before, test } from "node:test";
import { api, client, create, pause, Sandbox, until } from "./support.mjs";

let sandbox;
let createdAt;
before(async () => {
  createdAt = Date.now();
  sandbox = await create();
});

const rows = (of = sandbox, options) => Sandbox.getMetrics(of.sandboxId, options);

test("metrics are there within seconds, and none from before it existed", async () => {
  const [first] = await until(
    async () => ((await sandbox.getMetrics()).length > 0 ? sandbox.getMetrics() : undefined),
    {
      what: "the first row",
    },
  );
  assert.equal(first.cpuCount, 2);
  assert.ok(first.cpuUsedPct >= 0 && first.cpuUsedPct <= 100);
  assert.ok(first.memUsed > 0 && first.memUsed < first.memTotal);
  assert.ok(first.diskUsed >= 0 && first.diskTotal > 1e9);
  assert.ok(first.timestamp.getTime() >= createdAt - 1_000);
  assert.deepEqual(await rows(sandbox, { end: new Date(createdAt - 5_000) }), []);
  const ago = (seconds) => new Date(createdAt - seconds * 1_000);
  assert.deepEqual(await rows(sandbox, { start: ago(3_600), end: ago(10) }), []);
});

test("metrics show what it does", async () => {
  const busy = sandbox.commands.run("timeout 12 sh -c 'while :; do :; done' || true", { timeoutMs: 30_000 });
  await sandbox.commands.run("head -c 50000000 /dev/urandom > /home/user/blob");
  const seen = () => sandbox.getMetrics();
  const isShown = (all) =>
    all.some(({ cpuUsedPct }) => cpuUsedPct > 3) && all.at(-1).diskUsed - all[0].diskUsed > 40_000_000;
  await until(async () => isShown(await seen()), { withinMs: 60_000 }).catch(async (thrown) => {
    assert.fail(`${thrown.message}: ${JSON.stringify(await seen())}`);
  });
  await busy;
  const stamps = (await sandbox.getMetrics()).map(({ timestamp }) => timestamp.getTime());
  assert.deepEqual(
    stamps,
    stamps.toSorted((a, b) => a - b),
  );
  const gaps = stamps.slice(1).map((at, index) => at - stamps[index]);
  assert.ok(Math.min(...gaps) > 2_000 && Math.max(...gaps) < 15_000, `every five seconds or so: ${gaps}`);
});

test("metrics of many are the newest of each that has some", async () => {
  const other = await create();
  await until(async () => (await rows(other)).length > 0);
  const ids = [sandbox.sandboxId, other.sandboxId, "i00000000000000000000"];
  const { json, status } = await api("GET", `/sandboxes/metrics?sandbox_ids=${ids.join(",")}`);
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(json.sandboxes).toSorted(), [sandbox.sandboxId, other.sandboxId].toSorted());
  assert.ok(json.sandboxes[other.sandboxId].timestampUnix * 1000 > createdAt - 2_000);
  assert.equal((await api("GET", "/sandboxes/metrics")).status, 400);
  const many = Array.from({ length: 101 }, (_, at) => `i${at}`).join(",");
  assert.equal((await api("GET", `/sandboxes/metrics?sandbox_ids=${many}`)).status, 400);
});

test("an unknown or foreign sandbox has no metrics and no logs, in the same words", async () => {
  const headers = { "X-API-Key": process.env.SANDLOT_OTHER_API_KEY ?? `e2b_${"0".repeat(40)}` };
  const nobodys = "i00000000000000000000";
  await assert.rejects(rows({ sandboxId: nobodys }), client.SandboxNotFoundError ?? client.NotFoundError);
  for (const path of ["/sandboxes/ID/metrics", "/sandboxes/ID/logs", "/v2/sandboxes/ID/logs"]) {
    const none = await api("GET", path.replace("ID", nobodys), { headers });
    const foreign = await api("GET", path.replace("ID", sandbox.sandboxId), { headers });
    assert.equal(foreign.status, process.env.SANDLOT_OTHER_API_KEY ? 404 : 401);
    assert.equal(foreign.text.replaceAll(sandbox.sandboxId, nobodys), none.text);
  }
});

test("logs tell its life and what its daemon said, and stay when it has ended", async () => {
  const own = await create();
  const stranger = String.raw`printf '\033[31mforged {"level":"error"}\n{"level":"warn","logger":"mine","msg":"from inside"}\n'`;
  await own.commands.run(`${stranger} >> /run/sandlot/init.log`, { user: "root" });
  await own.setTimeout(90_000);
  await until(async () => (await rows(own)).length > 1, { withinMs: 60_000 });
  await own.kill();
  const v1 = await until(async () => {
    const { json } = await api("GET", `/sandboxes/${own.sandboxId}/logs`);
    return json.logEntries?.some(({ message }) => message === "sandbox killed") ? json : undefined;
  });
  const messages = v1.logEntries.map(({ message }) => message);
  for (const wanted of ["sandbox created", "sandbox timeout changed", "listening", "sandbox killed", "from inside"]) {
    assert.ok(messages.includes(wanted), `${wanted} in ${messages}`);
  }
  assert.equal(v1.logs.length, v1.logEntries.length);
  for (const { line, timestamp } of v1.logs) {
    assert.ok(!line.includes("\n") && !line.includes("\u001b"), "one line of plain JSON");
    assert.ok(Date.parse(timestamp) > 0);
    const { level, logger } = JSON.parse(line);
    assert.ok(["debug", "info", "warn", "error"].includes(level) && typeof logger === "string");
  }
  assert.equal(v1.logEntries.find(({ message }) => message.includes("forged")).level, "info");
  assert.equal(v1.logEntries.find(({ message }) => message === "sandbox killed").fields.reason, "request");
  const path = `/v2/sandboxes/${own.sandboxId}/logs`;
  const v2 = async (query) => (await api("GET", `${path}?${query}`)).json.logs.map(({ message }) => message);
  assert.deepEqual(await v2("direction=forward"), messages);
  assert.deepEqual(await v2(""), messages.toReversed());
  assert.deepEqual(await v2("level=warn"), ["from inside"]);
  assert.deepEqual(await v2("search=from%20ins"), ["from inside"]);
  assert.deepEqual(await v2("search=From%20ins"), []);
  assert.deepEqual(await v2("direction=forward&limit=1"), messages.slice(0, 1));
  assert.deepEqual(await v2(`direction=forward&cursor=${Date.now() + 60_000}`), []);
  assert.equal((await api("GET", `${path}?limit=1001`)).status, 400);
  assert.equal((await api("GET", `${path}?search=${"x".repeat(257)}`)).status, 400);
  assert.ok((await rows(own)).length > 1, "metrics stay too");
  await assert.rejects(Sandbox.getInfo(own.sandboxId));
});

test("a flood of lines is kept within bounds and does not stop the numbers", async () => {
  const own = await create();
  await own.commands.run('yes \'{"msg":"flood"}\' | head -c 3000000 >> /run/sandlot/init.log', { user: "root" });
  const before = (await rows(own)).length;
  await until(async () => (await rows(own)).length > before + 1, { withinMs: 60_000 });
  await pause(2_000);
  const { json } = await api("GET", `/v2/sandboxes/${own.sandboxId}/logs?limit=1000`);
  assert.ok(json.logs.length < 1_000, `${json.logs.length} lines`);
  assert.ok(json.logs.some(({ message }) => message === "more log was written than is kept"));
});
