/** Pausing and waking through the REST surface and by traffic, with a real PostgreSQL and Redis and a fake node. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "bun:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { SandboxService } from "@sandlot/contracts/proxy";
import { sleep } from "@sandlot/lifetime";
import { openState } from "@sandlot/state";
import { SQL } from "bun";
import { type Answered, type Installation, OTHER_KEY, startInstallation } from "./installation";

let at: Installation;
beforeAll(async () => {
  at = await startInstallation();
}, 60_000);
afterAll(() => at[Symbol.asyncDispose]());
beforeEach(() => {
  at.node.sealRefusals.length = 0;
  Object.assign(at.node, { sealDelayMs: 0, createDelayMs: 0, bootsFromDisk: true });
});

const post = (sandboxId: string, verb: string, body?: unknown): Promise<Answered> =>
  at.call("POST", `/sandboxes/${sandboxId}/${verb}`, body === undefined ? {} : { body });
const get = (sandboxId: string): Promise<Answered> => at.call("GET", `/sandboxes/${sandboxId}`);
const saidIn = (answer: Answered): [number, string] => [answer.status, String(answer.body.message)];
const secondsLeft = (endAt: unknown): number => (Date.parse(String(endAt)) - Date.now()) / 1000;
async function until(check: () => boolean | Promise<boolean>, withinMs = 40_000): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!(await check())) {
    if (Date.now() > endMs) throw new Error("it did not come about");
    await sleep(20);
  }
}

describe("pause", () => {
  it("answers all that ask at once 204, and 409 from then on", async () => {
    const sandboxId = await at.create();
    at.node.sealDelayMs = 1_000;
    const all = await Promise.all([1, 2, 3, 4, 5].map(() => post(sandboxId, "pause")));
    expect(all.map(({ status }) => status)).toEqual([204, 204, 204, 204, 204]);
    expect(saidIn(await post(sandboxId, "pause"))).toEqual([
      409,
      `Error pausing sandbox - sandbox '${sandboxId}' is already paused`,
    ]);
    expect([...at.node.sealed.values()].filter((one) => one.sandboxId === sandboxId)).toHaveLength(1);
    expect(at.node.running.has(sandboxId)).toBe(false);
  });

  it("shows it as paused since then, takes no change, and takes no place under the limit", async () => {
    const sandboxId = await at.create({ metadata: { of: "paused" }, timeout: 600 });
    const before = (await get(sandboxId)).body;
    await post(sandboxId, "pause");
    const after = (await get(sandboxId)).body;
    expect(after).toMatchObject({ state: "paused", metadata: { of: "paused" }, startedAt: before.startedAt });
    expect(Math.abs(secondsLeft(after.endAt))).toBeLessThan(5);
    for (const [method, suffix, body] of [
      ["POST", "timeout", { timeout: 60 }],
      ["POST", "refreshes", {}],
      ["PUT", "network", { denyOut: [] }],
    ] as const) {
      const answer = await at.call(method, `/sandboxes/${sandboxId}/${suffix}`, { body });
      expect([suffix, ...saidIn(answer)]).toEqual([suffix, 409, `Sandbox "${sandboxId}" is paused`]);
    }
    expect(saidIn(await post(sandboxId, "fork"))[0]).toBe(409);
    expect(saidIn(await post(sandboxId, "snapshots"))[0]).toBe(409);
    expect((await at.call("GET", `/sandboxes/${sandboxId}/metrics`)).status).toBe(200);
    expect((await at.call("GET", `/v2/sandboxes/${sandboxId}/logs`)).status).toBe(200);
    await using state = openState({ redisUrl: at.redis.url });
    expect(await state.sandboxes.find(sandboxId)).toBeUndefined();
  });

  it("is refused with the cure where the memory cannot be saved, and the sandbox runs on", async () => {
    const sandboxId = await at.create();
    at.node.sealRefusals.push(new ConnectError("process 7 uses io_uring", Code.FailedPrecondition));
    const refused = await post(sandboxId, "pause");
    expect(refused.status).toBe(400);
    expect(refused.body.message).toContain("process 7 uses io_uring. It runs on as before; memory: false");
    expect((await get(sandboxId)).body.state).toBe("running");
    await using state = openState({ redisUrl: at.redis.url });
    expect(await state.catalog.read(sandboxId)).toBeDefined();
    at.node.sealRefusals.push(new ConnectError("the disk is full", Code.ResourceExhausted));
    const full = await post(sandboxId, "pause");
    expect(saidIn(full)).toEqual([503, `sandbox '${sandboxId}' could not be saved and runs on: the disk is full`]);
    expect((await post(sandboxId, "pause", { memory: false })).status).toBe(204);
    expect([...at.node.sealed.values()].at(-1)).toMatchObject({ sandboxId, filesystemOnly: true });
  });

  it("of a sandbox that has died meanwhile is 404, and it is gone", async () => {
    const sandboxId = await at.create();
    at.node.running.delete(sandboxId);
    expect((await post(sandboxId, "pause")).status).toBe(404);
    expect((await get(sandboxId)).status).toBe(404);
  });

  it("is killed, and what it kept is removed", async () => {
    const sandboxId = await at.create();
    await post(sandboxId, "pause");
    const [buildId] = [...at.node.sealed].find(([, one]) => one.sandboxId === sandboxId) ?? [];
    expect((await at.call("DELETE", `/sandboxes/${sandboxId}`)).status).toBe(204);
    expect((await at.call("DELETE", `/sandboxes/${sandboxId}`)).status).toBe(404);
    expect((await get(sandboxId)).status).toBe(404);
    expect((await post(sandboxId, "resume")).status).toBe(404);
    await until(() => at.node.deletedBuilds.includes(String(buildId)));
  });

  it("under way makes a kill wait and then win", async () => {
    const sandboxId = await at.create();
    at.node.sealDelayMs = 200;
    const pausing = post(sandboxId, "pause");
    await until(async () => (await get(sandboxId)).body.state === "paused");
    const killed = await at.call("DELETE", `/sandboxes/${sandboxId}`);
    expect([(await pausing).status, killed.status]).toEqual([204, 204]);
    expect((await get(sandboxId)).status).toBe(404);
  });
});

describe("resume and connect", () => {
  it("bring back what it was set up with, under the same id and tokens", async () => {
    const network = { allowPublicTraffic: false, denyOut: ["8.8.8.8/32"], maskRequestHost: "h:1" };
    const body = {
      templateID: "base",
      network,
      metadata: { a: "1" },
      envVars: { A: "b" },
      allow_internet_access: true,
    };
    const lifecycle = { autoPause: true, autoResume: { enabled: true }, timeout: 700 };
    const made = await at.call("POST", "/v2/sandboxes", { body: { ...body, ...lifecycle } });
    const sandboxId = String(made.body.sandboxID);
    const before = at.node.running.get(sandboxId)?.config;
    await post(sandboxId, "pause");
    const again = await post(sandboxId, "connect", { timeout: 60 });
    expect(again.status).toBe(201);
    expect(again.body).toEqual(made.body);
    const config = at.node.running.get(sandboxId)?.config;
    expect(config?.executionId).not.toBe(before?.executionId);
    expect(config).toMatchObject({ snapshot: true, envVars: {}, autoPause: true, metadata: { a: "1" } });
    expect(config?.network).toEqual(before?.network as never);
    expect(config?.autoResume).toMatchObject({ policy: "any", timeoutSeconds: 700n });
    const detail = (await get(sandboxId)).body;
    expect(detail).toMatchObject({ network, allowInternetAccess: true, state: "running", metadata: { a: "1" } });
    expect(detail).toMatchObject({ lifecycle: { onTimeout: "pause", autoResume: true } });
    expect(secondsLeft(detail.endAt)).toBeWithin(55, 60.1);
  });

  it("extend what runs and never shorten it", async () => {
    const sandboxId = await at.create({ timeout: 600 });
    expect((await post(sandboxId, "connect", { timeout: 1 })).status).toBe(200);
    expect(secondsLeft((await get(sandboxId)).body.endAt)).toBeGreaterThan(590);
    expect(saidIn(await post(sandboxId, "resume"))).toEqual([409, `Sandbox ${sandboxId} is already running`]);
    expect((await post(sandboxId, "connect", { timeout: 90_000 })).status).toBe(400);
    const unknown = `i${"z".repeat(20)}`;
    expect((await post(unknown, "resume")).status).toBe(404);
    expect((await post(unknown, "connect", { timeout: 1 })).status).toBe(404);
  });

  it("wait for a pause under way; of many only one starts it, and all get it", async () => {
    const sandboxId = await at.create();
    Object.assign(at.node, { sealDelayMs: 1_000, createDelayMs: 300 });
    const pausing = post(sandboxId, "pause");
    await until(async () => (await get(sandboxId)).body.state === "paused");
    const starts = at.node.created.length;
    const calls = ["connect", "resume", "connect", "connect"] as const;
    const answers = await Promise.all(calls.map((verb) => post(sandboxId, verb, { timeout: 60 })));
    expect((await pausing).status).toBe(204);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(at.node.created.length - starts).toBe(1);
  });

  it("find nothing, however many look at once for one that has been killed", async () => {
    const sandboxId = await at.create();
    await at.call("DELETE", `/sandboxes/${sandboxId}`);
    const all = await Promise.all(Array.from({ length: 40 }, () => post(sandboxId, "connect", { timeout: 60 })));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([404]));
  });

  it("boot from the disk alone when told to, and say so when the node did not", async () => {
    const sandboxId = await at.create();
    await post(sandboxId, "pause");
    at.node.bootsFromDisk = false;
    const refused = await post(sandboxId, "connect", { timeout: 60, memory: false });
    expect(refused.body).toMatchObject({ code: 503, error_code: "sandbox_filesystem_boot_unconfirmed" });
    expect((await get(sandboxId)).body.state).toBe("paused");
    at.node.bootsFromDisk = true;
    expect((await post(sandboxId, "connect", { timeout: 60, memory: false })).status).toBe(201);
    expect(at.node.created.at(-1)?.filesystemBoot).toBe(true);
  });

  it("keep it paused when no node can start it, and start it later", async () => {
    const sandboxId = await at.create();
    await post(sandboxId, "pause");
    for (let i = 0; i < 3; i += 1) at.node.refusals.push(new ConnectError("no", Code.Internal));
    expect((await post(sandboxId, "resume")).status).toBe(500);
    expect((await get(sandboxId)).body.state).toBe("paused");
    expect((await post(sandboxId, "resume")).status).toBe(201);
  });

  it("remove what an older pause has kept once a newer one has", async () => {
    const sandboxId = await at.create();
    await post(sandboxId, "pause");
    const [old] = [...at.node.sealed].find(([, one]) => one.sandboxId === sandboxId) ?? [];
    await post(sandboxId, "resume");
    expect(at.node.deletedBuilds).not.toContain(old);
    await post(sandboxId, "pause");
    await until(() => at.node.deletedBuilds.includes(String(old)));
    expect((await post(sandboxId, "resume")).status).toBe(201);
  });

  it("hold the team to its limit, which paused ones do not count against", async () => {
    await using client = new SQL(at.connectionString);
    const sandboxId = await at.create();
    await post(sandboxId, "pause");
    await using state = openState({ redisUrl: at.redis.url });
    const count = await state.sandboxes.count(at.teamId);
    await client.unsafe(`UPDATE tiers SET concurrent_sandboxes = ${count}`);
    await sleep(1_100);
    const refused = await post(sandboxId, "resume");
    expect(refused.status).toBe(429);
    await client.unsafe("UPDATE tiers SET concurrent_sandboxes = 200");
    await sleep(1_100);
    expect((await post(sandboxId, "resume")).status).toBe(201);
  });
});

describe("the list", () => {
  it("pages through running and paused ones in one order", async () => {
    const metadata = { page: "both" };
    const ids: string[] = [];
    for (let i = 0; i < 6; i += 1) {
      ids.push(await at.create({ metadata }));
      await sleep(3);
    }
    for (const index of [0, 3, 5]) await post(String(ids[index]), "pause");
    for (const order of ["desc", "asc"] as const) {
      const seen: string[] = [];
      let next: string | null = "";
      while (next !== null) {
        const token = next === "" ? "" : `&nextToken=${next}`;
        const page: Answered = await at.call(
          "GET",
          `/v2/sandboxes?metadata=page%3Dboth&limit=2&order=${order}${token}`,
        );
        expect(page.headers.get("x-total-running")).toBe("3");
        seen.push(...(page.body as unknown as { sandboxID: string }[]).map(({ sandboxID }) => sandboxID));
        next = page.headers.get("x-next-token");
      }
      expect(seen).toEqual(order === "asc" ? ids : ids.toReversed());
    }
    const paused = await at.call("GET", "/v2/sandboxes?metadata=page%3Dboth&state=paused");
    expect(paused.headers.get("x-total-running")).toBeNull();
    expect((paused.body as unknown as { state: string }[]).map(({ state }) => state)).toEqual(Array(3).fill("paused"));
    const none = await at.call(
      "GET",
      `/v2/sandboxes?metadata=page%3Dboth&state=paused&startedAfter=2100-01-01T00:00:00Z`,
    );
    expect(none.text).toBe("[]");
    expect((await at.call("GET", "/v2/sandboxes?state=paused", { headers: { "X-API-Key": OTHER_KEY } })).text).toBe(
      "[]",
    );
    expect((await at.call("GET", "/sandboxes?metadata=page%3Dboth")).text).not.toContain(String(ids[0]));
  });
});

describe("the end of its time", () => {
  it("pauses who is to be paused, and a resume starts a new life", async () => {
    const sandboxId = await at.create({ autoPause: true, timeout: 1 });
    await until(async () => (await get(sandboxId)).body.state === "paused");
    expect((await post(sandboxId, "resume", { timeout: 30 })).status).toBe(201);
    const files = await at.create({ autoPause: true, autoPauseMemory: false, timeout: 1 });
    await until(() => [...at.node.sealed.values()].some((one) => one.sandboxId === files && one.filesystemOnly));
  });

  it("keeps the files where the memory cannot be saved, and says so in the log", async () => {
    at.node.sealRefusals.push(new ConnectError("a nested user namespace", Code.FailedPrecondition));
    const sandboxId = await at.create({ autoPause: true, timeout: 1 });
    await until(() => [...at.node.sealed.values()].some((one) => one.sandboxId === sandboxId && one.filesystemOnly));
    await until(async () =>
      (await at.call("GET", `/v2/sandboxes/${sandboxId}/logs?level=error`)).text.includes("without its memory"),
    );
  });

  it("is put off, and not asked for all the time, while its node has no room to save it", async () => {
    at.node.sealRefusals.push(new ConnectError("the disk is full", Code.ResourceExhausted));
    const sandboxId = await at.create({ autoPause: true, timeout: 1 });
    await until(async () => secondsLeft((await get(sandboxId)).body.endAt) > 10);
    expect((await get(sandboxId)).body.state).toBe("running");
    expect((await post(sandboxId, "timeout", { timeout: 0 })).status).toBe(204);
    await until(async () => (await get(sandboxId)).body.state === "paused");
  });

  it("is the end a day after its longest life, however often it could not be saved", async () => {
    at.node.sealRefusals.push(new ConnectError("its processes could not be stopped", Code.ResourceExhausted));
    const sandboxId = await at.create({ autoPause: true, timeout: 2 });
    const { teamId } = at;
    await using state = openState({ redisUrl: at.redis.url });
    await state.sandboxes.update({ teamId, sandboxId }, (found) => ({
      ...found,
      startedAtMs: found.startedAtMs - (found.maxLengthHours + 25) * 3_600_000,
    }));
    await until(async () => (await get(sandboxId)).status === 404);
    expect(at.node.running.has(sandboxId)).toBe(false);
  });

  it("of a sandbox that was paused before leaves what that pause has kept", async () => {
    const sandboxId = await at.create({ timeout: 300 });
    await post(sandboxId, "pause");
    await post(sandboxId, "resume", { timeout: 1 });
    await until(() => !at.node.running.has(sandboxId));
    await until(async () => (await get(sandboxId)).body.state === "paused");
    expect((await post(sandboxId, "resume")).status).toBe(201);
  });
});

describe("traffic", () => {
  const wake = (sandboxId: string, of: { port?: number; traffic?: string; envd?: string } = {}) => {
    const client = createClient(SandboxService, createGrpcTransport({ baseUrl: `http://${at.api.internalAddress}` }));
    const headers = {
      "e2b-sandbox-request-port": String(of.port ?? 3000),
      ...(of.traffic !== undefined && { "e2b-traffic-access-token": of.traffic }),
      ...(of.envd !== undefined && { "e2b-envd-access-token": of.envd }),
    };
    return client.resumeSandbox({ sandboxId }, { headers }).then(
      () => "woken",
      (thrown) => Code[ConnectError.from(thrown).code],
    );
  };
  const sleeper = async (body: Record<string, unknown> = {}) => {
    const asked = { templateID: "base", autoPause: true, autoResume: { enabled: true }, ...body };
    const made = await at.call("POST", "/v2/sandboxes", { body: asked });
    const sandboxId = String(made.body.sandboxID);
    await post(sandboxId, "pause");
    return { sandboxId, ...(made.body as { envdAccessToken: string; trafficAccessToken: string }) };
  };

  it("wakes only who was created for it, with memory, and then for at least 300 s", async () => {
    const plain = await at.create();
    await post(plain, "pause");
    expect(await wake(plain)).toBe("NotFound");
    const { sandboxId } = await sleeper({ timeout: 20 });
    await using state = openState({ redisUrl: at.redis.url });
    expect(await state.catalog.read(sandboxId)).toBeUndefined();
    const starts = at.node.created.length;
    expect(await Promise.all(Array.from({ length: 50 }, () => wake(sandboxId)))).toEqual(Array(50).fill("woken"));
    expect(at.node.created.length - starts).toBe(1);
    expect(await state.catalog.read(sandboxId)).toBeDefined();
    expect(secondsLeft((await get(sandboxId)).body.endAt)).toBeWithin(295, 300.1);
    await post(sandboxId, "pause", { memory: false });
    expect(await wake(sandboxId)).toBe("NotFound");
  });

  it("wakes nothing that it could not talk to", async () => {
    const open = await sleeper();
    expect(await wake(open.sandboxId, { port: 49_983 })).toBe("PermissionDenied");
    expect(await wake(open.sandboxId, { port: 49_983, envd: "0".repeat(64) })).toBe("PermissionDenied");
    expect((await get(open.sandboxId)).body.state).toBe("paused");
    expect(await wake(open.sandboxId, { port: 49_983, envd: open.envdAccessToken })).toBe("woken");
    const closed = await sleeper({ network: { allowPublicTraffic: false } });
    expect(await wake(closed.sandboxId, { envd: closed.envdAccessToken })).toBe("PermissionDenied");
    expect(await wake(closed.sandboxId, { traffic: closed.trafficAccessToken })).toBe("woken");
  });

  it("waits for a pause under way", async () => {
    const made = await at.create({ autoPause: true, autoResume: { enabled: true } });
    at.node.sealDelayMs = 150;
    const pausing = post(made, "pause");
    await until(async () => (await get(made)).body.state === "paused");
    expect(await wake(made)).toBe("woken");
    expect((await pausing).status).toBe(204);
  });
});

it("has one winner of a kill and a resume at the same moment", async () => {
  for (let round = 0; round < 25; round += 1) {
    const sandboxId = await at.create();
    await post(sandboxId, "pause");
    const [resumed, killed] = await Promise.all([
      post(sandboxId, "resume"),
      at.call("DELETE", `/sandboxes/${sandboxId}`),
    ]);
    expect([201, 404]).toContain(resumed.status);
    expect(killed.status).toBe(204);
    expect((await get(sandboxId)).status).toBe(404);
    expect(at.node.running.has(sandboxId)).toBe(false);
  }
}, 60_000);

it("refuses to promise a pause with memory where no node saves any", async () => {
  at.node.memoryProblem = "criu is not installed";
  const sandboxId = await at.create();
  const promise = () => at.call("POST", "/v2/sandboxes", { body: { templateID: "base", autoPause: true } });
  await until(async () => (await promise()).status === 400);
  expect((await promise()).body.message).toContain("criu is not installed. Ask for memory: false");
  expect((await post(sandboxId, "pause")).body.error_code).toBe("sandbox_memory_unsupported");
  expect((await get(sandboxId)).body.state).toBe("running");
  await at.create({ autoPause: true, autoPauseMemory: false });
  at.node.memoryProblem = "";
}, 60_000);
