// A3: a deleted key opens nothing a second later, its cached answers included; sandboxes it made live on for its team.
// A4: odd keys, twice given keys. A10's like: a user's token is no key.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { api, apiKey, apiUrl, create, pause, Sandbox } from "../e2e/support.mjs";

const token = process.env.E2B_ACCESS_TOKEN;

/** As the installation's administrator, for the team of the tests' own key. */
async function asAdmin(method, path, body) {
  const secrets = JSON.parse(await readFile(`${process.env.SANDLOT_DATA_DIR}/secrets.json`, "utf8"));
  const teams = await fetch(`${apiUrl}/teams`, { headers: { Authorization: `Bearer ${token}` } });
  const [team] = await teams.json();
  return fetch(`${apiUrl}${path}`, {
    method,
    headers: { "X-Admin-Token": secrets.adminToken, "X-Team-ID": team.teamID, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

test("A3 a deleted key stops within a second, in use or not, and takes no sandbox with it", async () => {
  const answer = await asAdmin("POST", "/api-keys", { name: "short-lived" });
  assert.equal(answer.status, 201);
  const { id, key } = await answer.json();
  const withKey = (path) => api("GET", path, { headers: { "X-API-Key": key } });
  assert.equal((await withKey("/v2/sandboxes")).status, 200, "it opens doors at once");
  const sandbox = await Sandbox.create("base", { apiKey: key, timeoutMs: 60_000 });
  assert.equal((await withKey("/v2/sandboxes")).status, 200);
  assert.equal((await asAdmin("DELETE", `/api-keys/${id}`)).status, 204);
  const deletedMs = Date.now();
  for (;;) {
    const { status } = await withKey("/v2/sandboxes");
    if (status === 401) break;
    assert.ok(Date.now() - deletedMs < 5_000, "still open after a second");
    await pause(20);
  }
  for (let tries = 0; tries < 10; tries += 1) assert.equal((await withKey("/v2/sandboxes")).status, 401);
  await assert.rejects(Sandbox.create("base", { apiKey: key }), /401|[Uu]nauthori[sz]ed|[Ii]nvalid/);
  assert.equal((await sandbox.commands.run("echo mine")).stdout, "mine\n");
  assert.equal(await Sandbox.kill(sandbox.sandboxId, { apiKey }), true);
});

test("A4 two keys, a token as a key, a key as a token: none is let in by the other's door", async () => {
  const sandbox = await create();
  const get = (headers) => fetch(`${apiUrl}/sandboxes/${sandbox.sandboxId}`, { headers });
  const both = new Headers([
    ["X-API-Key", "e2b_0000000000000000000000000000000000000000"],
    ["X-API-Key", apiKey],
  ]);
  assert.equal((await get(both)).status, 401);
  assert.equal((await get({ "X-API-Key": token })).status, 401);
  assert.equal((await get({ Authorization: `Bearer ${apiKey}` })).status, 401);
  assert.equal((await get({ "X-API-Key": sandbox.envdAccessToken })).status, 401);
  const teams = await fetch(`${apiUrl}/teams`, { headers: { Authorization: `Bearer ${apiKey}` } });
  assert.equal(teams.status, 401);
});
