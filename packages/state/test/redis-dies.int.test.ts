// Redis goes away, hangs and comes back: commands fail at once or within the deadline, and work again by themselves.
import { afterAll, beforeAll, expect, it } from "bun:test";
import { isFault } from "@sandlot/faults";
import { startRedis, type TestRedis } from "./redis-server";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
});

async function faultOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "answered",
    (thrown) => (isFault(thrown, "state_unavailable") ? "unavailable" : thrown),
  );
}

it("fails fast while Redis is down and recovers", async () => {
  await using state = redis.open();
  await state.ping();
  await redis.crash();
  await Bun.sleep(20);
  const beganMs = Date.now();
  expect(await faultOf(state.sandboxes.find("a"))).toBe("unavailable");
  expect(await faultOf(state.catalog.read("a"))).toBe("unavailable");
  expect(Date.now() - beganMs).toBeLessThan(1_500); // before a command would be given up
  await Bun.sleep(1_000);
  await redis.start();
  for (let tries = 0; tries < 200 && (await faultOf(state.ping())) !== "answered"; tries += 1) await Bun.sleep(50);
  expect(await state.sandboxes.find("a")).toBeUndefined();
});

it("does not wait for a Redis that hangs", async () => {
  await using state = redis.open({ limits: { commandMs: 200 } });
  await state.ping();
  process.kill(redis.process().pid, "SIGSTOP");
  const beganMs = Date.now();
  expect(await faultOf(state.catalog.read("a"))).toBe("unavailable");
  expect(Date.now() - beganMs).toBeLessThan(5_000);
  process.kill(redis.process().pid, "SIGCONT");
  for (let tries = 0; tries < 200 && (await faultOf(state.ping())) !== "answered"; tries += 1) await Bun.sleep(50);
  expect(await state.catalog.read("a")).toBeUndefined();
});

it("answers unavailable when there never was a Redis", async () => {
  const { openState } = await import("../src/index");
  await using state = openState({ redisUrl: "redis://127.0.0.1:1" }, { limits: { commandMs: 300 } });
  expect(await faultOf(state.ping())).toBe("unavailable");
});
