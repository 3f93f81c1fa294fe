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

test("a reader that others wait for is cut off after a while, and they get everything", async () => {
  const feed = new Feed({ othersMs: 60, aloneMs: 60_000 });
  const fast = feed.subscribe();
  const stuck = feed.subscribe();
  let gotBytes = 0;
  const reading = (async () => {
    for (;;) {
      const item = await fast.next({ quietMs: 5000, signal: never });
      if (item === "quiet" || "end" in item) return;
      gotBytes += item.bytes.byteLength;
    }
  })();
  const startedMs = performance.now();
  for (let n = 0; n < 20; n += 1) await feed.publish(output(SUBSCRIBER_BUFFER_BYTES / 4));
  expect(performance.now() - startedMs).toBeWithin(50, 20_000);
  feed.finish(END);
  await reading;
  expect(gotBytes).toBe(5 * SUBSCRIBER_BUFFER_BYTES);
  expect(stuck.next({ quietMs: 10, signal: never })).rejects.toThrow("not read for too long");
});

test("a reader that was stuck before another came is cut off for that one as well", async () => {
  const feed = new Feed({ othersMs: 400, aloneMs: 60_000 });
  feed.subscribe();
  const published = feed.publish(output(SUBSCRIBER_BUFFER_BYTES));
  await Bun.sleep(450);
  expect(await isSettled(published)).toBe(false);
  feed.subscribe();
  expect(await isSettled(published)).toBe(false);
  await published;
});

test("a reader that trickles holds the others back no longer than one that takes nothing", async () => {
  const feed = new Feed({ othersMs: 60, aloneMs: 60_000 });
  const [fast, slow] = [feed.subscribe(), feed.subscribe()];
  const stop = new AbortController();
  const drain = async (reader: typeof fast, everyMs: number): Promise<void> => {
    while (!stop.signal.aborted) {
      await reader.next({ quietMs: 5000, signal: stop.signal });
      if (everyMs > 0) await Bun.sleep(everyMs);
    }
  };
  const slowly = drain(slow, 200).catch((thrown: unknown) => String(thrown));
  const quickly = drain(fast, 0).catch(() => undefined);
  const startedMs = performance.now();
  for (let n = 0; n < 100; n += 1) await feed.publish(output(SUBSCRIBER_BUFFER_BYTES / 8));
  expect(performance.now() - startedMs).toBeLessThan(10_000); // at the slow one's pace it would be twenty seconds
  expect(await slowly).toContain("not read for too long");
  stop.abort();
  await quickly;
});

test("readers that are equally slow hold nobody back", async () => {
  const feed = new Feed({ othersMs: 1_000, aloneMs: 60_000 });
  const readers = [feed.subscribe(), feed.subscribe()];
  const drains = readers.map(async (reader) => {
    let count = 0;
    for (;;) {
      const item = await reader.next({ quietMs: 5000, signal: never });
      if (item === "quiet" || "end" in item) return count;
      count += 1;
      await Bun.sleep(4);
    }
  });
  for (let n = 0; n < 60; n += 1) await feed.publish(output(SUBSCRIBER_BUFFER_BYTES / 8));
  feed.finish(END);
  expect(await Promise.all(drains)).toEqual([60, 60]);
});

test("a lone reader is waited for while it takes something, and given up once it takes nothing", async () => {
  const feed = new Feed({ othersMs: 10, aloneMs: 800 });
  const reader = feed.subscribe();
  let last = feed.publish(output(SUBSCRIBER_BUFFER_BYTES));
  for (let n = 0; n < 5; n += 1) {
    last = feed.publish(output(SUBSCRIBER_BUFFER_BYTES));
    await Bun.sleep(200);
    await reader.next({ quietMs: 1, signal: never });
  }
  expect(await isSettled(last)).toBe(false);
  await last;
  expect(reader.next({ quietMs: 1, signal: never })).rejects.toThrow("not read for too long");
});
