// A1, A9: a key of team B on a sandbox of team A gets the answer of a sandbox that never was, whatever the verb.
import assert from "node:assert/strict";
import { test } from "node:test";
import { api, create } from "../e2e/support.mjs";

const foreignKey = process.env.SANDLOT_OTHER_API_KEY;

const verbs = [
  ["GET", ""],
  ["DELETE", ""],
  ["POST", "/connect", { timeout: 60 }],
  ["POST", "/timeout", { timeout: 60 }],
  ["POST", "/refreshes", { duration: 60 }],
  ["PUT", "/network", { denyOut: ["0.0.0.0/0"] }],
  ["POST", "/pause", {}],
  ["POST", "/resume", {}],
  ["POST", "/fork", {}],
  ["POST", "/snapshots", {}],
  ["GET", "/metrics"],
  ["GET", "/logs"],
];

test("A1 every verb on a foreign sandbox answers as for an unknown one", async () => {
  assert.match(foreignKey ?? "", /^e2b_/, "SANDLOT_OTHER_API_KEY must hold a second team's key");
  const sandbox = await create();
  const foreign = { headers: { "X-API-Key": foreignKey } };
  const unknownId = "i00000000000000000000";
  for (const [method, verb, body] of verbs) {
    const theirs = await api(method, `/sandboxes/${sandbox.sandboxId}${verb}`, { body, ...foreign });
    const nobodys = await api(method, `/sandboxes/${unknownId}${verb}`, { body, ...foreign });
    const name = `${method} ${verb || "/"}`;
    assert.equal(theirs.status, 404, name);
    assert.equal(theirs.status, nobodys.status, name);
    assert.equal(theirs.json.message.replaceAll(sandbox.sandboxId, unknownId), nobodys.json.message, name);
  }
  // What is paused is as foreign as what runs.
  assert.equal((await api("POST", `/sandboxes/${sandbox.sandboxId}/pause`)).status, 204);
  for (const [method, verb, body] of verbs) {
    const theirs = await api(method, `/sandboxes/${sandbox.sandboxId}${verb}`, { body, ...foreign });
    assert.equal(theirs.status, 404, `${method} ${verb || "/"} while paused`);
  }
  assert.equal((await api("POST", `/v2/sandboxes/${sandbox.sandboxId}/connect`)).status, 201);
  const v2 = await api("POST", `/v2/sandboxes/${sandbox.sandboxId}/connect`, { body: {}, ...foreign });
  assert.equal(v2.status, 404);
  assert.equal(await sandbox.isRunning(), true, "and nothing happened to it");
  for (const path of ["/sandboxes", "/v2/sandboxes"]) {
    const list = await api("GET", path, foreign);
    assert.equal(list.status, 200);
    assert.ok(!list.json.some((item) => item.sandboxID === sandbox.sandboxId), path);
  }
});

test("A4 odd keys get a clean 401", async () => {
  const key = process.env.E2B_API_KEY;
  for (const odd of [
    key.toUpperCase(),
    key.slice(0, -1),
    `${key}0`,
    `e2b_${"a".repeat(7_000)}`,
    "e2b_zz",
    "e2b_",
    "x",
  ]) {
    const answer = await api("GET", "/v2/sandboxes", { headers: { "X-API-Key": odd } });
    assert.equal(answer.status, 401, odd.slice(0, 20));
    assert.equal(answer.json.code, 401);
  }
  const bare = await fetch(`${process.env.E2B_API_URL}/v2/sandboxes`);
  assert.equal(bare.status, 401);
});
