/** A process' feed as wire events, with keepalives. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { ProcessEventSchema } from "@sandlot/contracts/envd/process";
import { KEEPALIVE_DEFAULT_SECONDS } from "../limits";
import type { EndStatus } from "./end-status";
import type { Output } from "./feed";
import type { LiveProcess } from "./live-process";

/** Start and Connect answer with the same shape. */
export type EventMessage = { event: MessageInitShape<typeof ProcessEventSchema> };

export const events = {
  start: (pid: number): EventMessage => ({ event: { event: { case: "start", value: { pid } } } }),
  data: ({ kind, bytes }: Output): EventMessage => ({
    event: { event: { case: "data", value: { output: { case: kind, value: bytes } } } },
  }),
  keepalive: (): EventMessage => ({ event: { event: { case: "keepalive", value: {} } } }),
  end: ({ exitCode, hasExited, status, error }: EndStatus): EventMessage => ({
    event: {
      event: { case: "end", value: { exitCode, exited: hasExited, status, ...(error === undefined ? {} : { error }) } },
    },
  }),
};

/**
 * `start`, then what comes from now on, then `end`. Leaving early does nothing to the process.
 * @throws ConnectError deadline_exceeded in place of the end of a process that was killed for being overdue: the end may
 * come before the library notices that the time is over
 */
export async function* streamEvents(of: {
  process: LiveProcess;
  context: HandlerContext;
  isOverdue: () => boolean;
}): AsyncGenerator<EventMessage> {
  const { process, context } = of;
  using reader = process.feed.subscribe();
  const quietMs = keepaliveMs(context.requestHeader);
  yield events.start(process.pid);
  for (;;) {
    const item = await reader.next({ quietMs, signal: context.signal });
    if (item === "quiet") {
      yield events.keepalive();
    } else if ("end" in item) {
      if (of.isOverdue()) throw new ConnectError("the operation timed out", Code.DeadlineExceeded);
      yield events.end(item.end);
      return;
    } else {
      yield events.data(item);
    }
  }
}

export function keepaliveMs(headers: Headers): number {
  const asked = headers.get("keepalive-ping-interval") ?? "";
  const seconds = /^\d{1,9}$/.test(asked) ? Number(asked) : 0;
  return (seconds > 0 ? seconds : KEEPALIVE_DEFAULT_SECONDS) * 1000;
}
