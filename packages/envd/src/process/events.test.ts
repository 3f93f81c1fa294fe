import { expect, test } from "bun:test";
import type { HandlerContext } from "@connectrpc/connect";
import { type EventMessage, keepaliveMs, streamEvents } from "./events";
import { Feed } from "./feed";
import type { LiveProcess } from "./live-process";

const END = { exitCode: -1, hasExited: false, status: "signal: killed", error: "signal: killed" };

async function kindsOf(isOverdue: boolean): Promise<(string | undefined)[]> {
  const feed = new Feed();
  feed.finish(END);
  const process = { pid: 7, feed } as unknown as LiveProcess;
  const context = { requestHeader: new Headers(), signal: new AbortController().signal } as HandlerContext;
  const seen: EventMessage[] = [];
  for await (const message of streamEvents({ process, context, isOverdue: () => isOverdue })) seen.push(message);
  return seen.map((message) => message.event.event?.case);
}

test("a process that was killed for being overdue ends its stream by the deadline", async () => {
  expect(await kindsOf(false)).toEqual(["start", "end"]);
  expect(kindsOf(true)).rejects.toThrow("[deadline_exceeded] the operation timed out");
});

test("keepalives come as asked, or every 90 s", () => {
  const after = (asked: string) => keepaliveMs(new Headers({ "keepalive-ping-interval": asked }));
  expect(["1", "50", "0", "x", "-1", "1.5"].map(after)).toEqual([1000, 50_000, 90_000, 90_000, 90_000, 90_000]);
});
