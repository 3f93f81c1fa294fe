/** What survives: a lost Redis, an api that restarts, a node that lost sandboxes or kept too many, a database that is away. */
import { afterEach, beforeEach, expect, it } from "bun:test";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { SandboxService } from "@sandlot/contracts/proxy";
import { sleep } from "@sandlot/lifetime";
import { openState } from "@sandlot/state";
import { SQL } from "bun";
import { type Installation, startInstallation } from "./installation";

let at: Installation;
beforeEach(async () => {
  at = await startInstallation();
});
afterEach(() => at[Symbol.asyncDispose]());

async function until(isTrue: () => Promise<boolean> | boolean, withinMs = 40_000): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!(await isTrue())) {
    if (Date.now() > endMs) throw new Error("it did not come true in time");
    await sleep(50);
  }
}

const detail = async (id: string) => (await at.call("GET", `/sandboxes/${id}`)).body;

it("rebuilds a lost Redis from the nodes, and what was rebuilt still ends in time", async () => {
  const long = await at.create({
    metadata: { a: "b" },
    network: { denyOut: ["10.0.0.0/8"] },
    allow_internet_access: true,
  });
  const short = await at.create({ timeout: 15 });
  await at.call("POST", `/sandboxes/${long}/timeout`, { body: { timeout: 1000 } });
  const killed = await at.create();
  await at.call("DELETE", `/sandboxes/${killed}`);
  const before = [await detail(long), await detail(short)];
  await at.redis.stop();
  expect((await at.call("GET", `/sandboxes/${long}`)).body).toMatchObject({
    code: 503,
    error_code: "state_unavailable",
  });
  await at.redis.start();
  await until(async () => (await at.call("GET", `/sandboxes/${short}`)).status === 200);
  await until(async () => (await at.call("GET", `/sandboxes/${long}`)).status === 200);
  const [longAfter, shortAfter] = [await detail(long), await detail(short)];
  expect(longAfter).toMatchObject({
    metadata: { a: "b" },
    network: { denyOut: ["10.0.0.0/8"] },
    allowInternetAccess: true,
  });
  expect(longAfter.envdAccessToken).toBe(before[0]?.envdAccessToken);
  expect(Math.abs(Date.parse(String(longAfter.endAt)) - Date.parse(String(before[0]?.endAt)))).toBeLessThan(100);
  expect(Math.abs(Date.parse(String(shortAfter.endAt)) - Date.parse(String(before[1]?.endAt)))).toBeLessThan(100);
  await until(() => at.node.ended.some(({ sandboxId, reason }) => sandboxId === short && reason === "timeout"));
  expect((await at.call("GET", `/sandboxes/${killed}`)).status).toBe(404);
  expect(at.node.running.has(long)).toBe(true);
}, 60_000);

it("keeps sandboxes over a restart of the api and goes on ending them", async () => {
  const sandboxId = await at.create({ timeout: 2 });
  const other = await at.create();
  await at.restart();
  expect((await at.call("GET", `/sandboxes/${other}`)).status).toBe(200);
  await until(() => at.node.ended.some((end) => end.sandboxId === sandboxId && end.reason === "timeout"));
  expect(at.node.running.has(other)).toBe(true);
});

it("drops what its node no longer has, after a grace", async () => {
  const sandboxId = await at.create();
  at.node.running.delete(sandboxId);
  await until(async () => (await at.call("GET", `/sandboxes/${sandboxId}`)).status === 404);
  expect(at.node.ended).toEqual([]);
}, 60_000);

it("ends on the node what was ended here but came back", async () => {
  const sandboxId = await at.create();
  const kept = at.node.running.get(sandboxId);
  await at.call("DELETE", `/sandboxes/${sandboxId}`);
  if (kept !== undefined) at.node.running.set(sandboxId, kept);
  await until(() => at.node.ended.some((end) => end.sandboxId === sandboxId && end.reason === "orphaned"));
}, 60_000);

it("tells client-proxy where a live sandbox is, and repairs its route", async () => {
  const sandboxId = await at.create();
  await using state = openState({ redisUrl: at.redis.url });
  const entry = await state.catalog.read(sandboxId);
  expect(entry).toMatchObject({ orchestratorId: "node-1", orchestratorIp: "127.0.0.1" });
  await state.catalog.remove(sandboxId, entry?.executionId ?? "");
  const client = createClient(SandboxService, createGrpcTransport({ baseUrl: `http://${at.api.internalAddress}` }));
  expect((await client.resumeSandbox({ sandboxId })).orchestratorIp).toBe("127.0.0.1");
  expect(await state.catalog.read(sandboxId)).toEqual(entry as never);
  for (const unknown of ["", `i${"z".repeat(20)}`, "../x", "a".repeat(1000)]) {
    await expect(client.resumeSandbox({ sandboxId: unknown })).rejects.toThrow("not_found");
  }
  await at.call("DELETE", `/sandboxes/${sandboxId}`);
  await expect(client.resumeSandbox({ sandboxId })).rejects.toThrow("not_found");
  expect(await state.catalog.read(sandboxId)).toBeUndefined();
});

it("holds a team to its limit, also when all come at once", async () => {
  await using client = new SQL(at.connectionString);
  await client.unsafe("UPDATE tiers SET concurrent_sandboxes = 3");
  const all = await Promise.all(
    Array.from({ length: 10 }, () => at.call("POST", "/v2/sandboxes", { body: { templateID: "base" } })),
  );
  const refused = all.filter(({ status }) => status !== 201);
  expect(refused).toHaveLength(7);
  expect(refused[0]?.body).toMatchObject({
    code: 429,
    message:
      "you have reached the maximum number of concurrent E2B sandboxes (3). If you need more, please visit 'https://e2b.dev/docs/billing'",
  });
  const [first] = [...at.node.running.keys()];
  await at.call("DELETE", `/sandboxes/${first}`);
  await at.create();
});

it("starts a hundred at once behind the line", async () => {
  at.node.createDelayMs = 50;
  const all = await Promise.all(
    Array.from({ length: 100 }, () => at.call("POST", "/v2/sandboxes", { body: { templateID: "base" } })),
  );
  expect(all.map(({ status }) => status).filter((status) => status !== 201)).toEqual([]);
  expect(at.node.running.size).toBe(100);
}, 60_000);
