// Traffic wakes a sandbox that was created for it: once, however many come, with no body lost, and not for strangers.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { infoOf, pauseSandbox, post, startCounter, stateOf } from "./lifecycle-support.mjs";
import { api, create, sandboxUrl, toPort, until } from "./support.mjs";

const LIFECYCLE = { onTimeout: "pause", autoResume: true };

async function sleeper(options = {}) {
  const sandbox = await create({ lifecycle: LIFECYCLE, ...options });
  await startCounter(sandbox);
  await pauseSandbox(sandbox);
  return sandbox;
}

test("a storm of requests resumes it once, and every body arrives whole", async () => {
  const { sandboxId } = await sleeper({ timeoutMs: 60_000 });
  const before = Date.now();
  const answers = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const body = randomBytes(index === 0 ? 3_000_000 : 20_000);
      const answer = await toPort(sandboxId, 8000, "/echo", { method: "POST", body });
      const got = Buffer.from(await answer.arrayBuffer());
      return { status: answer.status, isWhole: got.equals(body), text: got.subarray(0, 200).toString("latin1") };
    }),
  );
  const lost = answers.filter(({ status, isWhole }) => status !== 200 || !isWhole);
  assert.deepEqual(lost, []);
  const info = await infoOf(sandboxId);
  assert.equal(info.state, "running");
  const livesMs = Date.parse(info.endAt) - before;
  assert.ok(livesMs > 290_000 && livesMs < 330_000, `it lives ${livesMs} ms, at least 300 s`);
  const resumed = async () =>
    (await api("GET", `/v2/sandboxes/${sandboxId}/logs?search=sandbox%20resumed`)).json.logs.length;
  await until(async () => (await resumed()) > 0, { what: "its line in the log" });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.equal(await resumed(), 1, "once");
});

test("the client's own calls wake it, and a pause by its time is woken from, too", async () => {
  const sandbox = await sleeper();
  assert.equal((await sandbox.commands.run("echo awake")).stdout, "awake\n");
  await sandbox.setTimeout(300);
  await until(async () => (await stateOf(sandbox.sandboxId)) === "paused", { withinMs: 60_000 });
  assert.equal((await toPort(sandbox.sandboxId, 8000)).status, 200);
});

test("who shows no token wakes nothing at the daemon's port, and nothing at all where the sandbox is closed", async () => {
  const open = await sleeper();
  const health = (headers = {}) =>
    fetch(`${sandboxUrl}/health`, {
      headers: { "E2b-Sandbox-Id": open.sandboxId, "E2b-Sandbox-Port": "49983", ...headers },
    });
  const denied = await health();
  assert.equal(denied.status, 403);
  assert.equal(
    (await denied.json()).message,
    "This sandbox can't be resumed with the credentials provided. Check your access token and try again.",
  );
  assert.equal((await health({ "X-Access-Token": "0".repeat(64) })).status, 403);
  assert.equal(await stateOf(open.sandboxId), "paused");
  const { envdAccessToken } = await infoOf(open.sandboxId);
  assert.equal((await health({ "X-Access-Token": envdAccessToken })).status, 204);

  const closed = await create({ lifecycle: LIFECYCLE, network: { allowPublicTraffic: false } });
  await pauseSandbox(closed);
  assert.equal((await toPort(closed.sandboxId, 8000)).status, 403);
  assert.equal(await stateOf(closed.sandboxId), "paused");
  const token = { "e2b-traffic-access-token": closed.trafficAccessToken };
  assert.equal(
    (await toPort(closed.sandboxId, 8000, "/", { headers: token })).status,
    502,
    "woken, but nobody listens",
  );
  assert.equal(await stateOf(closed.sandboxId), "running");
});

test("one that was not created for it, or was paused without memory, sleeps on", async () => {
  const plain = await create();
  await pauseSandbox(plain);
  const answer = await toPort(plain.sandboxId, 8000);
  assert.equal(answer.status, 502);
  assert.deepEqual(await answer.json(), {
    sandboxId: plain.sandboxId,
    message: "The sandbox was not found",
    code: 502,
  });
  assert.equal(await stateOf(plain.sandboxId), "paused");
  const files = await create({ lifecycle: LIFECYCLE });
  assert.equal((await post(files.sandboxId, "pause", { memory: false })).status, 204);
  assert.equal((await toPort(files.sandboxId, 8000)).status, 502);
  assert.equal(await stateOf(files.sandboxId), "paused");
});

test("requests that come while it is being paused are answered, not lost", async () => {
  const sandbox = await sleeper();
  await sandbox.connect();
  const pausing = pauseSandbox(sandbox);
  const answers = [];
  for (let i = 0; i < 8; i += 1) {
    answers.push(toPort(sandbox.sandboxId, 8000, "/", { method: "POST", body: `body ${i}` }));
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  await pausing;
  // One that has reached the machine before it was sealed may be cut; all that came behind it wait and are served.
  const late = await toPort(sandbox.sandboxId, 8000, "/", { method: "POST", body: "late" });
  assert.deepEqual([late.status, await late.text()], [200, "late"]);
  const settled = await Promise.allSettled(answers);
  const served = settled.filter(({ status, value }) => status === "fulfilled" && value.status === 200).length;
  assert.ok(served >= 4, `${served} of 8 were served`);
});
