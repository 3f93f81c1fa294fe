import { expect, it } from "bun:test";
import type { Clock } from "@sandlot/lifetime";
import type { SandboxRecord } from "@sandlot/state";
import { startExpiry } from "./expiry";

/** A clock that moves by hand, timers included. */
function heldClock() {
  let nowMs = 1_000;
  const timers = new Set<{ atMs: number; then: () => void }>();
  const clock: Clock = {
    nowMs: () => nowMs,
    after(delayMs, then) {
      const timer = { atMs: nowMs + delayMs, then };
      timers.add(timer);
      return { [Symbol.dispose]: () => void timers.delete(timer) };
    },
  };
  const settle = async () => {
    for (let i = 0; i < 50; i += 1) await Promise.resolve();
  };
  return {
    clock,
    timers,
    async to(atMs: number) {
      for (;;) {
        await settle();
        const [next] = [...timers].filter((timer) => timer.atMs <= atMs).sort((a, b) => a.atMs - b.atMs);
        if (next === undefined) break;
        timers.delete(next);
        nowMs = Math.max(nowMs, next.atMs);
        next.then();
      }
      nowMs = atMs;
    },
  };
}

function setting() {
  const held = heldClock();
  const ends = new Map<string, number>();
  const ended: string[] = [];
  const errors: unknown[] = [];
  const due = () => [...ends].sort((a, b) => a[1] - b[1]);
  const store = {
    expired: async (nowMs: number) =>
      due()
        .filter(([, atMs]) => atMs <= nowMs)
        .map(([sandboxId]) => ({ teamId: "t", sandboxId }) as SandboxRecord),
    nextExpiryMs: async () => due()[0]?.[1],
  };
  const expire = async ({ sandboxId }: SandboxRecord) => {
    ended.push(`${sandboxId}@${held.clock.nowMs()}`);
    ends.delete(sandboxId);
  };
  return { held, ends, ended, errors, store, expire, onError: (thrown: unknown) => void errors.push(thrown) };
}

it("ends each at its time, in whatever order they were said", async () => {
  const at = setting();
  await using watch = startExpiry({ ...at, clock: at.held.clock });
  for (const [id, atMs] of [
    ["late", 9_000],
    ["soon", 2_000],
    ["mid", 2_010],
  ] as const) {
    at.ends.set(id, atMs);
    watch.arm(atMs);
  }
  await at.held.to(20_000);
  expect(at.ended).toEqual(["soon@2000", "mid@2010", "late@9000"]);
});

it("finds what other replicas moved, without being told", async () => {
  const at = setting();
  await using _watch = startExpiry({ ...at, clock: at.held.clock });
  await at.held.to(1_500);
  at.ends.set("theirs", 3_000);
  await at.held.to(8_000);
  expect(at.ended).toEqual(["theirs@6000"]);
});

it("goes on after a store that fails, and stops when disposed of", async () => {
  const at = setting();
  const working = at.store.expired;
  at.store.expired = () => Promise.reject(new Error("no answer"));
  const watch = startExpiry({ ...at, clock: at.held.clock });
  at.ends.set("a", 1_200);
  await at.held.to(1_500);
  expect(at.errors).toHaveLength(1);
  at.store.expired = working;
  await at.held.to(4_000);
  expect(at.ended).toEqual(["a@2000"]);
  await watch[Symbol.asyncDispose]();
  expect(at.held.timers.size).toBe(0);
});
