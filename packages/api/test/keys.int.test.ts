/** Keys and tokens over their whole life: made, masked, renamed, used, deleted; and what administrators do with nodes and teams. */
import { afterAll, beforeAll, expect, it } from "bun:test";
import { sleep } from "@sandlot/lifetime";
import { SQL } from "bun";
import { ADMIN, type Installation, KEY, OTHER_TOKEN, startInstallation, TOKEN } from "./installation";

let at: Installation;
beforeAll(async () => {
  at = await startInstallation();
}, 60_000);
afterAll(() => at[Symbol.asyncDispose]());

const admin = (teamId = at.teamId) => ({ "X-Admin-Token": ADMIN, "X-Team-ID": teamId });
async function as(method: string, path: string, headers: Record<string, string>, body?: unknown) {
  const response = await fetch(at.api.url + path, {
    method,
    headers: { ...headers, ...(body !== undefined && { "Content-Type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  return { status: response.status, text, json: isJson ? JSON.parse(text) : undefined };
}
const useKey = async (key: string) => (await as("GET", "/sandboxes", { "X-API-Key": key })).status;

it("makes, lists, renames and deletes a key; it works at once and stops within a second", async () => {
  const made = await as("POST", "/api-keys", admin(), { name: "ci" });
  const { key, id, mask } = made.json;
  expect(key).toMatch(/^e2b_[0-9a-f]{40}$/);
  expect(made.json).toMatchObject({ name: "ci", createdBy: null, lastUsed: null });
  expect(mask).toEqual({
    ...{ prefix: "e2b_", valueLength: 40 },
    ...{ maskedValuePrefix: key.slice(4, 6), maskedValueSuffix: key.slice(-4) },
  });
  expect(await useKey(key)).toBe(200);
  const renamed = await as("PATCH", `/api-keys/${id}`, admin(), { name: "other" });
  expect([renamed.status, renamed.text]).toEqual([202, ""]);
  const listed = (await as("GET", "/api-keys", admin())).json.find((row: { id: string }) => row.id === id);
  expect(listed).toMatchObject({ name: "other", mask });
  expect(listed.key).toBeUndefined();
  await sleep(50);
  expect((await as("GET", "/api-keys", admin())).json.every((row: object) => "lastUsed" in row)).toBe(true);
  expect((await as("DELETE", `/api-keys/${id}`, admin(at.otherTeamId))).text).toBe("id not found");
  expect((await as("DELETE", `/api-keys/${id}`, admin())).status).toBe(204);
  await sleep(1_100);
  expect(await useKey(key)).toBe(401);
  expect((await as("DELETE", `/api-keys/${id}`, admin())).status).toBe(404);
  expect((await as("PATCH", "/api-keys/x", admin(), { name: "n" })).status).toBe(400);
});

it("keeps no key or token in plain text", async () => {
  const { key } = (await as("POST", `/admin/teams/${at.teamId}/api-keys`, admin(), { name: "n" })).json;
  const { token } = (await as("POST", "/access-tokens", admin(), { name: "n" })).json;
  await using sql = new SQL(at.connectionString);
  const rows = JSON.stringify([await sql`SELECT * FROM team_api_keys`, await sql`SELECT * FROM access_tokens`]);
  for (const secret of [key, token, KEY, TOKEN]) {
    expect(rows).not.toContain(secret.replace(/^.*_/, ""));
  }
});

it("lets a user's token see the user's teams, and act for them only", async () => {
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
  const first = (await as("GET", "/teams", bearer(TOKEN))).json;
  expect(first).toMatchObject([{ teamID: at.teamId, name: "Local", isDefault: true }]);
  const second = (await as("GET", "/teams", bearer(TOKEN))).json;
  expect(second[0].apiKey).not.toBe(first[0].apiKey);
  expect([await useKey(first[0].apiKey), await useKey(second[0].apiKey)]).toEqual([200, 200]);
  expect((await as("GET", "/templates", bearer(TOKEN))).json.length).toBe(2);
  expect((await as("GET", `/templates?teamID=${at.teamId}`, bearer(TOKEN))).status).toBe(200);
  const foreign = await as("GET", `/templates?teamID=${at.teamId}`, bearer(OTHER_TOKEN));
  expect([foreign.status, foreign.json.message]).toEqual([403, "You are not allowed to access this team"]);
  expect((await as("GET", "/sandboxes", bearer(TOKEN))).status).toBe(401);
});

it("shows a made token once and stops it within a second", async () => {
  const { token, id } = (await as("POST", "/access-tokens", admin(), { name: "laptop" })).json;
  expect(token).toMatch(/^sk_e2b_[0-9a-f]{40}$/);
  const use = async () => (await as("GET", "/templates", { Authorization: `Bearer ${token}` })).status;
  expect(await use()).toBe(200);
  const foreign = await as("DELETE", `/access-tokens/${id}`, admin(at.otherTeamId));
  expect([foreign.status, foreign.text]).toEqual([404, "id not found"]);
  expect((await as("DELETE", `/access-tokens/${id}`, admin())).status).toBe(204);
  await sleep(1_100);
  expect(await use()).toBe(401);
});

it("lets the administrator see and drain nodes, count and end a team's sandboxes", async () => {
  const key = { "X-Admin-Token": ADMIN };
  const ids = [await at.create(), await at.create()];
  const [node] = (await as("GET", "/nodes", key)).json;
  expect(node).toMatchObject({ id: "node-1", status: "ready", createSuccesses: 2, createFails: 0 });
  expect((await as("GET", "/nodes/nope", key)).text).toBe("");
  expect((await as("POST", "/nodes/node-1", key, { status: "draining" })).status).toBe(204);
  const status = async () => (await as("GET", "/nodes/node-1", key)).json.status;
  for (let tries = 0; tries < 300 && (await status()) !== "draining"; tries += 1) await sleep(100);
  expect(await status()).toBe("draining");
  expect((await as("POST", "/nodes/node-1", key, { status: "unhealthy" })).status).toBe(400);
  await as("POST", "/nodes/node-1", key, { status: "ready" });
  expect((await as("GET", "/admin/sandboxes/running-counts", key)).json).toEqual({ [at.teamId]: 2 });
  const killed = await as("POST", `/admin/teams/${at.teamId}/sandboxes/kill`, key);
  expect(killed.json).toEqual({ killedCount: 2, failedCount: 0 });
  expect(at.node.ended.map(({ sandboxId, reason }) => [sandboxId, reason]).toSorted()).toEqual(
    ids.map((id) => [id, "admin"]).toSorted(),
  );
  expect(
    (await as("POST", `/admin/teams/${at.teamId}/api-keys`.replace(at.teamId, crypto.randomUUID()), key, { name: "x" }))
      .status,
  ).toBe(404);
});
