import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { startRedis, type TestRedis } from "./redis-server";
import { sampleRecord } from "./sample-record";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
});

const teamId = "team-1";
const keyOf = (sandboxId: string) => ({ teamId, sandboxId });

describe("reservations", () => {
  it("counts reservations and records against the limit", async () => {
    await using state = redis.open();
    const { sandboxes } = state;
    expect(await sandboxes.reserve({ ...keyOf("a"), limit: 2 })).toBe("reserved");
    await sandboxes.commit(sampleRecord(keyOf("a")));
    expect(await sandboxes.reserve({ ...keyOf("b"), limit: 2 })).toBe("reserved");
    expect(await sandboxes.reserve({ ...keyOf("b"), limit: 2 })).toBe("in_flight");
    expect(await sandboxes.reserve({ ...keyOf("a"), limit: 2 })).toBe("exists");
    expect(await sandboxes.reserve({ ...keyOf("c"), limit: 2 })).toBe("limit_reached");
    expect(await sandboxes.count(teamId)).toBe(2);
    await sandboxes.release(keyOf("b"));
    expect(await sandboxes.reserve({ ...keyOf("c"), limit: 2 })).toBe("reserved");
  });

  it("never lets more than the limit through when 100 ask at once", async () => {
    await using state = redis.open();
    const asked = Array.from({ length: 100 }, (_, n) => state.sandboxes.reserve({ ...keyOf(`s${n}`), limit: 7 }));
    const outcomes = await Promise.all(asked);
    expect(outcomes.filter((outcome) => outcome === "reserved")).toHaveLength(7);
  });

  it("frees the place of an api that died", async () => {
    await using state = redis.open({ limits: { reservationMs: 900 } });
    expect(await state.sandboxes.reserve({ ...keyOf("a"), limit: 1 })).toBe("reserved");
    expect(await state.sandboxes.reserve({ ...keyOf("b"), limit: 1 })).toBe("limit_reached");
    const endMs = Date.now() + 30_000;
    while ((await state.sandboxes.count(teamId)) > 0 && Date.now() < endMs) await Bun.sleep(20);
    expect(await state.sandboxes.reserve({ ...keyOf("b"), limit: 1 })).toBe("reserved");
  });

  it("tells those who wait for a start how it ended", async () => {
    await using state = redis.open();
    const { sandboxes } = state;
    expect(await sandboxes.settled(keyOf("a"))).toBeUndefined();
    await sandboxes.reserve({ ...keyOf("a"), limit: 1 });
    const waiting = Array.from({ length: 1_000 }, () => sandboxes.settled(keyOf("a")));
    await Bun.sleep(20);
    await sandboxes.commit(sampleRecord(keyOf("a")));
    for (const record of await Promise.all(waiting)) expect(record?.sandboxId).toBe("a");
  });

  it("stops waiting when told to", async () => {
    await using state = redis.open({ limits: { reservationMs: 30_000 } });
    await state.sandboxes.reserve({ ...keyOf("a"), limit: 1 });
    const stopped = state.sandboxes.settled(keyOf("a"), AbortSignal.timeout(20));
    await expect(stopped).rejects.toThrow("timed out");
  });
});

describe("records", () => {
  it("keeps a record as it was given, empty lists included", async () => {
    await using state = redis.open();
    const record = sampleRecord({ ...keyOf("a"), metadata: { ä: "ö", empty: "" } });
    await state.sandboxes.commit(record);
    expect(await state.sandboxes.read(keyOf("a"))).toEqual(record);
    expect(await state.sandboxes.find("a")).toEqual(record);
    expect(await state.sandboxes.list(teamId)).toEqual([record]);
    expect(await state.sandboxes.read({ teamId: "other", sandboxId: "a" })).toBeUndefined();
    expect(await state.sandboxes.list("other")).toEqual([]);
  });

  it("lists every team's", async () => {
    await using state = redis.open();
    await state.sandboxes.commit(sampleRecord({ teamId: "one", sandboxId: "a" }));
    await state.sandboxes.commit(sampleRecord({ teamId: "two", sandboxId: "b" }));
    const ids = (await state.sandboxes.all()).map((record) => record.sandboxId);
    expect(ids.sort()).toEqual(["a", "b"]);
  });

  it("loses no change when 40 are made at once", async () => {
    await using state = redis.open();
    await state.sandboxes.commit(sampleRecord({ ...keyOf("a"), cpuCount: 0 }));
    await Promise.all(
      Array.from({ length: 40 }, () =>
        state.sandboxes.update(keyOf("a"), (record) => ({ ...record, cpuCount: record.cpuCount + 1 })),
      ),
    );
    expect((await state.sandboxes.read(keyOf("a")))?.cpuCount).toBe(40);
  });

  it("moves the end time with the record", async () => {
    await using state = redis.open();
    await state.sandboxes.commit(sampleRecord({ ...keyOf("a"), endsAtMs: 1_000 }));
    await state.sandboxes.commit(sampleRecord({ ...keyOf("b"), endsAtMs: 2_000 }));
    expect(await state.sandboxes.nextExpiryMs()).toBe(1_000);
    expect((await state.sandboxes.expired(1_000, 10)).map((record) => record.sandboxId)).toEqual(["a"]);
    await state.sandboxes.update(keyOf("a"), (record) => ({ ...record, endsAtMs: 3_000 }));
    expect(await state.sandboxes.nextExpiryMs()).toBe(2_000);
    expect(await state.sandboxes.expired(1_999, 10)).toEqual([]);
    expect((await state.sandboxes.expired(5_000, 1)).map((record) => record.sandboxId)).toEqual(["b"]);
  });

  it("takes away only the execution named", async () => {
    await using state = redis.open();
    const { sandboxes } = state;
    await sandboxes.commit(sampleRecord({ ...keyOf("a"), executionId: "second" }));
    expect(await sandboxes.remove({ ...keyOf("a"), executionId: "first" })).toBe(false);
    expect(await sandboxes.remove({ ...keyOf("a"), executionId: "second" })).toBe(true);
    expect(await sandboxes.find("a")).toBeUndefined();
    expect(await sandboxes.all()).toEqual([]);
    expect(await sandboxes.nextExpiryMs()).toBeUndefined();
    expect(await sandboxes.update(keyOf("a"), (record) => record)).toBeUndefined();
  });

  it("adopts only what nobody has or is starting", async () => {
    await using state = redis.open();
    const { sandboxes } = state;
    await sandboxes.reserve({ ...keyOf("a"), limit: 5 });
    expect(await sandboxes.adopt(sampleRecord(keyOf("a")))).toBe(false);
    expect(await sandboxes.adopt(sampleRecord(keyOf("b")))).toBe(true);
    expect(await sandboxes.adopt(sampleRecord(keyOf("b")))).toBe(false);
  });
});

describe("catalog", () => {
  const entry = {
    orchestratorId: "node-1",
    orchestratorIp: "10.0.0.1",
    executionId: "e-1",
    startedAtMs: 1_763_000_000_000,
    maxLengthHours: 1,
  };

  it("keeps an entry until it is removed by the execution that it is of", async () => {
    await using state = redis.open();
    expect(await state.catalog.read("a")).toBeUndefined();
    await state.catalog.put("a", entry);
    expect(await state.catalog.read("a")).toEqual(entry);
    expect(await state.catalog.remove("a", "e-0")).toBe(false);
    expect(await state.catalog.remove("a", "e-1")).toBe(true);
    expect(await state.catalog.remove("a", "e-1")).toBe(false);
    expect(await state.catalog.read("a")).toBeUndefined();
  });
});
