import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import type { SandboxStore, State, TransitionStart } from "../src/index";
import { startRedis, type TestRedis } from "./redis-server";
import { sampleRecord } from "./sample-record";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
});

const key = { teamId: "team-1", sandboxId: "a" };
type Started = Extract<TransitionStart, { kind: "started" }>;

async function begin(sandboxes: SandboxStore, event: "pause" | "kill" | "snapshot"): Promise<Started> {
  const begun = await sandboxes.beginTransition({ ...key, event });
  if (begun.kind !== "started") throw new Error(`${event} is ${begun.kind}`);
  return begun;
}

async function withSandbox(state: State): Promise<SandboxStore> {
  await state.sandboxes.commit(sampleRecord({ ...key, endsAtMs: Date.now() + 60_000 }));
  return state.sandboxes;
}

describe("transitions", () => {
  it("lets one of many kills do the work and all others learn the outcome", async () => {
    await using state = redis.open();
    const sandboxes = await withSandbox(state);
    const begun = await Promise.all(
      Array.from({ length: 20 }, () => sandboxes.beginTransition({ ...key, event: "kill" })),
    );
    const started = begun.filter((one) => one.kind === "started");
    const joined = begun.filter((one) => one.kind === "joined");
    expect(started).toHaveLength(1);
    expect(joined).toHaveLength(19);
    expect((await sandboxes.read(key))?.state).toBe("killing");
    expect(await started[0]?.finish({ kind: "ended" })).toBe(true);
    for (const one of joined) expect(await one.outcome).toEqual({ kind: "ended" });
    expect(await sandboxes.read(key)).toBeUndefined();
    expect(await sandboxes.nextExpiryMs()).toBeUndefined();
    expect((await sandboxes.beginTransition({ ...key, event: "kill" })).kind).toBe("missing");
  });

  it("refuses what the table does not allow", async () => {
    await using state = redis.open();
    const sandboxes = await withSandbox(state);
    await begin(sandboxes, "kill");
    expect(await sandboxes.beginTransition({ ...key, event: "pause" })).toEqual({ kind: "refused", state: "killing" });
    expect((await sandboxes.beginTransition({ ...key, event: "snapshot" })).kind).toBe("refused");
  });

  it("refuses a second snapshot, and makes a kill wait for the first", async () => {
    await using state = redis.open();
    const sandboxes = await withSandbox(state);
    const snapshot = await begin(sandboxes, "snapshot");
    expect((await sandboxes.beginTransition({ ...key, event: "snapshot" })).kind).toBe("refused");
    let isBegun = false;
    const kill = begin(sandboxes, "kill").then((started) => {
      isBegun = true;
      return started;
    });
    await Bun.sleep(50);
    expect(isBegun).toBe(false);
    expect(await snapshot.finish({ kind: "running" })).toBe(true);
    expect((await kill).record.state).toBe("killing");
  });

  it("gives a kill that waited for a pause nothing to do once the pause has succeeded", async () => {
    await using state = redis.open();
    const sandboxes = await withSandbox(state);
    const pause = await begin(sandboxes, "pause");
    const kill = sandboxes.beginTransition({ ...key, event: "kill" });
    await pause.finish({ kind: "ended" });
    expect((await kill).kind).toBe("missing");
  });

  it("lets a kill take over a pause that does not end", async () => {
    await using state = redis.open({ limits: { killWaitMs: 50 } });
    const sandboxes = await withSandbox(state);
    const pause = await begin(sandboxes, "pause");
    const kill = await begin(sandboxes, "kill");
    expect(await pause.finish({ kind: "running" })).toBe(false);
    expect((await sandboxes.read(key))?.state).toBe("killing");
    expect(await kill.finish({ kind: "ended" })).toBe(true);
  });

  it("falls back to running when a pause fails, and tells the joiners why", async () => {
    await using state = redis.open();
    const sandboxes = await withSandbox(state);
    const pause = await begin(sandboxes, "pause");
    const joined = await sandboxes.beginTransition({ ...key, event: "pause" });
    const failure = { kind: "failed", code: "node_disk_full", message: "no room" } as const;
    await pause.finish(failure);
    if (joined.kind !== "joined") throw new Error(joined.kind);
    expect(await joined.outcome).toEqual(failure);
    expect((await sandboxes.read(key))?.state).toBe("running");
  });

  it("makes a failed kill due again", async () => {
    await using state = redis.open({ limits: { retryDueMs: 0 } });
    const sandboxes = await withSandbox(state);
    const kill = await begin(sandboxes, "kill");
    expect(await sandboxes.expired(Date.now(), 10)).toEqual([]);
    await kill.finish({ kind: "failed", code: "node_unreachable", message: "no answer" });
    expect((await sandboxes.expired(Date.now() + 1, 10)).map((record) => record.state)).toEqual(["killing"]);
    expect((await sandboxes.beginTransition({ ...key, event: "kill" })).kind).toBe("started");
  });

  it("keeps a long transition alive, and changes made meanwhile", async () => {
    await using state = redis.open({ limits: { transitionMs: 2_000 } });
    const sandboxes = await withSandbox(state);
    const snapshot = await begin(sandboxes, "snapshot");
    await Bun.sleep(4_500);
    await sandboxes.update(key, (record) => ({ ...record, cpuCount: 8 }));
    expect((await sandboxes.beginTransition({ ...key, event: "snapshot" })).kind).toBe("refused");
    expect(await snapshot.finish({ kind: "running" })).toBe(true);
    expect((await sandboxes.read(key))?.cpuCount).toBe(8);
  });

  it("survives an owner that dies: joiners learn it, the record falls due, the work can begin again", async () => {
    const limits = { transitionMs: 900 };
    const keyPrefix = `${crypto.randomUUID()}:`;
    const { openState } = await import("../src/index");
    const owner = openState({ redisUrl: redis.url, keyPrefix }, { limits });
    await using other = openState({ redisUrl: redis.url, keyPrefix }, { limits });
    const sandboxes = await withSandbox(other);
    await begin(owner.sandboxes, "pause");
    const joined = await sandboxes.beginTransition({ ...key, event: "pause" });
    await owner[Symbol.asyncDispose]();
    if (joined.kind !== "joined") throw new Error(joined.kind);
    expect(await joined.outcome).toEqual({ kind: "lost" });
    expect((await sandboxes.expired(Date.now(), 10)).map((record) => record.state)).toEqual(["pausing"]);
    expect((await sandboxes.beginTransition({ ...key, event: "pause" })).kind).toBe("started");
  });
});
