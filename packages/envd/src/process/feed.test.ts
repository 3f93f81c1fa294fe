import { expect, test } from "bun:test";
import { SUBSCRIBER_BUFFER_BYTES } from "../limits";
import { Feed } from "./feed";

const never = new AbortController().signal;
const output = (size: number) => ({ kind: "stdout" as const, bytes: new Uint8Array(size) });
const END = { exitCode: 0, hasExited: true, status: "exit status 0", error: undefined };

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  return await Promise.race([promise.then(() => true), Bun.sleep(5).then(() => false)]);
}

test("publish waits for the slowest reader, and for none when there is none", async () => {
  const feed = new Feed();
  expect(await isSettled(feed.publish(output(10 * SUBSCRIBER_BUFFER_BYTES)))).toBe(true);
  const fast = feed.subscribe();
  const slow = feed.subscribe();
  const published = feed.publish(output(SUBSCRIBER_BUFFER_BYTES));
  await fast.next({ quietMs: 1, signal: never });
  expect(await isSettled(published)).toBe(false);
  await slow.next({ quietMs: 1, signal: never });
  expect(await isSettled(published)).toBe(true);
});

test("a reader that leaves is waited for no more", async () => {
  const feed = new Feed();
  const reader = feed.subscribe();
  const published = feed.publish(output(SUBSCRIBER_BUFFER_BYTES));
  reader[Symbol.dispose]();
  expect(await isSettled(published)).toBe(true);
});

test("readers see what they have buffered, then the end; later ones only the end", async () => {
  const feed = new Feed();
  const reader = feed.subscribe();
  await feed.publish(output(3));
  feed.finish(END);
  expect(await reader.next({ quietMs: 1000, signal: never })).toMatchObject({ kind: "stdout" });
  expect(await reader.next({ quietMs: 1000, signal: never })).toEqual({ end: END });
  expect(await feed.subscribe().next({ quietMs: 1000, signal: never })).toEqual({ end: END });
});

test("next is quiet after its time and stops at an abort", async () => {
  const reader = new Feed().subscribe();
  expect(await reader.next({ quietMs: 10, signal: never })).toBe("quiet");
  const leave = new AbortController();
  const waiting = reader.next({ quietMs: 10_000, signal: leave.signal });
  leave.abort(new Error("left"));
  expect(waiting).rejects.toThrow("left");
});
