/** Pauses and resumes in which the api, Redis, PostgreSQL or the node is lost, at every step. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { sleep } from "@sandlot/lifetime";
import { openState } from "@sandlot/state";
import { RedisClient, SQL } from "bun";
import { type Answered, type Installation, startInstallation } from "./installation";

let at: Installation;
beforeAll(async () => {
  // Whoever is at work and has not been heard of for so long is dead.
  at = await startInstallation({ transitionMs: 1_500 });
}, 60_000);
afterAll(() => at[Symbol.asyncDispose]());
beforeEach(() => {
  at.node.sealRefusals.length = 0;
  Object.assign(at.node, { sealDelayMs: 0, createDelayMs: 0 });
});

const post = (sandboxId: string, verb: string, body?: unknown): Promise<Answered> =>
  at.call("POST", `/sandboxes/${sandboxId}/${verb}`, body === undefined ? {} : { body });
const stateOf = async (sandboxId: string): Promise<unknown> => {
  const { status, body } = await at.call("GET", `/sandboxes/${sandboxId}`);
  return status === 200 ? body.state : status;
};
async function until(check: () => boolean | Promise<boolean>, withinMs = 40_000): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!(await check())) {
    if (Date.now() > endMs) throw new Error("it did not come about");
    await sleep(50);
  }
}
const wipeRedis = async (): Promise<void> => {
  const redis = new RedisClient(at.redis.url);
  await redis.send("FLUSHALL", []);
  redis.close();
};
/** The state of the row that says what is kept. */
const rowOf = async (sandboxId: string): Promise<string | undefined> => {
  await using client = new SQL(at.connectionString);
  const rows = await client`SELECT state FROM snapshots WHERE sandbox_id = ${sandboxId}`;
  return rows[0]?.state;
};
/** What is sealed of it as a pause. */
const seals = (sandboxId: string): number =>
  [...at.node.sealed.values()].filter((one) => one.sandboxId === sandboxId && one.isPause).length;

/** Puts record and row as an api leaves them that dies while the node seals: nobody is at work, the build is written down. */
async function dieWhileSealing(sandboxId: string): Promise<void> {
  at.node.sealRefusals.push(...Array.from({ length: 40 }, () => new ConnectError("not now", Code.Unavailable)));
  const asked = post(sandboxId, "pause").catch(() => undefined);
  await until(async () => (await rowOf(sandboxId)) === "pausing");
  await at.restart();
  await asked;
  at.node.sealRefusals.length = 0;
}

describe("an api that dies", () => {
  it("while the node seals: the next one asks for the same build and learns that it is paused", async () => {
    const sandboxId = await at.create({ timeout: 600 });
    await dieWhileSealing(sandboxId);
    await until(async () => (await rowOf(sandboxId)) === "paused");
    expect(await stateOf(sandboxId)).toBe("paused");
    expect(seals(sandboxId)).toBe(1);
    expect((await post(sandboxId, "resume")).status).toBe(201);
  }, 60_000);

  it("after the seal and before it is written down: the sandbox that is gone from the list is paused, not lost", async () => {
    const sandboxId = await at.create({ timeout: 600 });
    await using client = new SQL(at.connectionString);
    at.node.sealDelayMs = 2_000;
    const asked = post(sandboxId, "pause").catch(() => undefined);
    await until(async () => (await rowOf(sandboxId)) === "pausing");
    // The seal is done, but saying so fails for as long as the row is locked.
    await client.begin(async (locked) => {
      await locked`SELECT FROM snapshots WHERE sandbox_id = ${sandboxId} FOR UPDATE`;
      await until(() => !at.node.running.has(sandboxId));
      await at.restart();
    });
    await asked;
    await until(async () => (await rowOf(sandboxId)) === "paused" && (await stateOf(sandboxId)) === "paused");
    expect((await post(sandboxId, "resume")).status).toBe(201);
  }, 60_000);

  it("before anything is written down: the sandbox runs on", async () => {
    const sandboxId = await at.create({ timeout: 600 });
    await using state = openState({ redisUrl: at.redis.url }, { limits: { transitionMs: 1_500 } });
    const begun = await state.sandboxes.beginTransition({ teamId: at.teamId, sandboxId, event: "pause" });
    expect(begun.kind).toBe("started");
    await state[Symbol.asyncDispose]();
    expect(await stateOf(sandboxId)).toBe("paused");
    await until(async () => (await stateOf(sandboxId)) === "running");
    expect(await rowOf(sandboxId)).toBeUndefined();
    expect(seals(sandboxId)).toBe(0);
  }, 60_000);

  it("while it makes a copy: the sandbox runs on", async () => {
    const sandboxId = await at.create({ timeout: 600 });
    await using state = openState({ redisUrl: at.redis.url }, { limits: { transitionMs: 300 } });
    await state.sandboxes.beginTransition({ teamId: at.teamId, sandboxId, event: "snapshot" });
    await state[Symbol.asyncDispose]();
    await until(async () => (await at.call("GET", "/v2/sandboxes?state=running")).text.includes(sandboxId));
  }, 60_000);

  it("while a node starts it: the sandbox is found there, once, under the run that was begun", async () => {
    const sandboxId = await at.create({ timeout: 600 });
    await post(sandboxId, "pause");
    at.node.createDelayMs = 400;
    const asked = post(sandboxId, "resume", { timeout: 300 }).catch(() => undefined);
    await until(async () => (await rowOf(sandboxId)) === "live");
    // What it holds dies with it; only what it has written stays.
    await wipeRedis();
    await at.restart();
    await asked;
    at.node.createDelayMs = 0;
    await until(async () => (await stateOf(sandboxId)) === "running");
    expect((await post(sandboxId, "connect", { timeout: 60 })).status).toBe(200);
    expect(at.node.running.has(sandboxId)).toBe(true);
  }, 60_000);

  it("before the node was asked to start it: it is paused again, and nothing is started twice", async () => {
    const sandboxId = await at.create({ timeout: 600 });
    await post(sandboxId, "pause");
    await using client = new SQL(at.connectionString);
    await client`UPDATE snapshots SET state = 'live', execution_id = 'of-a-dead-one' WHERE sandbox_id = ${sandboxId}`;
    expect((await post(sandboxId, "resume")).status).toBe(201);
    const starts = at.node.created.filter(({ sandbox }) => sandbox?.sandboxId === sandboxId);
    expect(starts).toHaveLength(2);
  });
});

describe("a lost Redis", () => {
  it("does not matter to what is paused", async () => {
    const sandboxId = await at.create({ metadata: { kept: "yes" } });
    await post(sandboxId, "pause");
    await wipeRedis();
    expect(await stateOf(sandboxId)).toBe("paused");
    const woken = await post(sandboxId, "connect", { timeout: 60 });
    expect(woken.status).toBe(201);
    expect((await at.call("GET", `/sandboxes/${sandboxId}`)).body.metadata).toEqual({ kept: "yes" });
  });

  it("brings back what runs, and does not resume it a second time meanwhile", async () => {
    const sandboxId = await at.create({ autoPause: true, autoPauseMemory: false, timeout: 400 });
    await post(sandboxId, "pause");
    await post(sandboxId, "resume", { timeout: 400 });
    const execution = at.node.running.get(sandboxId)?.config?.executionId;
    await wipeRedis();
    const answers = await Promise.all([1, 2, 3].map(() => post(sandboxId, "connect", { timeout: 60 })));
    expect(answers.every(({ status }) => status === 200 || status === 201)).toBe(true);
    expect(at.node.running.get(sandboxId)?.config?.executionId).toBe(String(execution));
    expect((await at.call("GET", `/sandboxes/${sandboxId}`)).body.lifecycle).toEqual({
      onTimeout: "pause",
      autoResume: false,
    });
  });

  it("in the middle of a pause: it is paused all the same", async () => {
    const sandboxId = await at.create({ timeout: 600 });
    at.node.sealDelayMs = 2_000;
    const asked = post(sandboxId, "pause").catch(() => undefined);
    await until(async () => (await rowOf(sandboxId)) === "pausing");
    await wipeRedis();
    await asked;
    await until(async () => (await rowOf(sandboxId)) === "paused" && (await stateOf(sandboxId)) === "paused");
    expect(seals(sandboxId)).toBe(1);
  }, 60_000);
});

describe("a lost node", () => {
  it("that does not answer leaves it pausing, tells so, and the pause ends when it is back", async () => {
    const sandboxId = await at.create({ timeout: 600 });
    at.node.sealRefusals.push(...Array.from({ length: 60 }, () => new ConnectError("away", Code.Unavailable)));
    const asked = await post(sandboxId, "pause");
    expect(asked.body).toMatchObject({ code: 503, error_code: "sandbox_seal_unknown" });
    expect(await stateOf(sandboxId)).toBe("paused");
    at.node.sealRefusals.length = 0;
    await until(async () => (await rowOf(sandboxId)) === "paused");
    expect((await post(sandboxId, "resume")).status).toBe(201);
  }, 60_000);

  it("that forgot a sandbox which was paused before leaves what that pause has kept", async () => {
    const sandboxId = await at.create({ timeout: 600 });
    await post(sandboxId, "pause");
    await post(sandboxId, "resume", { timeout: 600 });
    const machine = at.node.running.get(sandboxId);
    at.node.running.delete(sandboxId);
    await until(async () => (await stateOf(sandboxId)) === "paused" && (await rowOf(sandboxId)) === "paused");
    // And one that remembers it again: what runs counts, and is not started a second time.
    if (machine !== undefined) at.node.running.set(sandboxId, machine);
    await until(async () => (await stateOf(sandboxId)) === "running");
    expect(await rowOf(sandboxId)).toBe("live");
    at.node.running.delete(sandboxId);
    await until(async () => (await stateOf(sandboxId)) === "paused" && (await rowOf(sandboxId)) === "paused");
    expect((await post(sandboxId, "resume")).status).toBe(201);
  }, 60_000);
});

describe("a lost PostgreSQL", () => {
  it("refuses the pause, and the sandbox runs on", async () => {
    const sandboxId = await at.create({ timeout: 600 });
    await at.call("GET", "/v2/sandboxes"); // the key is remembered for a second
    await at.postgres.stop();
    const refused = await post(sandboxId, "pause");
    expect(refused.body).toMatchObject({ code: 503, error_code: "db_unavailable" });
    await at.postgres.start();
    await until(async () => (await stateOf(sandboxId)) === "running");
    expect(at.node.running.has(sandboxId)).toBe(true);
    await until(async () => (await post(sandboxId, "pause")).status === 204);
  }, 60_000);
});
