/** What happened to sandboxes, as lines of their own logs. Written behind the calls' backs: no call waits for it. */
import { randomUUID } from "node:crypto";
import { addLogEntries, type Database, type LogLevel, type OwnedLogEntry } from "@sandlot/db";
import { type Clock, every } from "@sandlot/lifetime";
import { limits } from "../limits";

export type LifecycleLine = {
  readonly sandboxId: string;
  readonly teamId: string;
  readonly level?: LogLevel;
  readonly message: string;
  readonly fields?: Readonly<Record<string, string>>;
};
export type LifecycleLog = { add(line: LifecycleLine): void };

export function startLifecycleLog(of: {
  db: Database;
  clock: Clock;
  onError: (thrown: unknown, waiting: number) => void;
}): LifecycleLog & AsyncDisposable {
  const source = randomUUID();
  let sequence = 0;
  let waiting: OwnedLogEntry[] = [];

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, limits.logBatch);
      await addLogEntries(of.db, batch);
      const last = batch.at(-1)?.sequence ?? 0;
      waiting = waiting.filter((entry) => entry.sequence > last);
    }
  }
  const onError = (thrown: unknown): void => of.onError(thrown, waiting.length);
  const loop = every(limits.logFlushMs, flush, onError);
  return {
    add({ sandboxId, teamId, level = "info", message, fields = {} }) {
      sequence += 1;
      const atMs = of.clock.nowMs();
      waiting.push({ sandboxId, teamId, level, message, fields, logger: "sandbox", source, sequence, atMs });
      if (waiting.length > limits.logLinesWaiting) waiting.shift();
    },
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      await flush().catch(onError);
    },
  };
}
