/** Watches an installation's processes and brings back what died. It owns none of them: they outlive it. */
import { mkdirSync } from "node:fs";
import { dropMark, isRunning, markOf, type ProcessMark, readMark, writeMark } from "@sandlot/host";
import { every } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import { LOG_CHECK_GAP_MS, RESTART_GAPS_MS, STABLE_AFTER_MS, WATCH_GAP_MS } from "../limits";
import type { DataPaths } from "../paths";
import { rotateLogs } from "./log-rotation";

/** Something to keep alive: how to find it, and how to bring it back. */
export type Watched = {
  readonly name: string;
  find(): ProcessMark | undefined;
  revive(): Promise<unknown>;
};

type Health = { fails: number; revivedAtMs: number; notBeforeMs: number };

/** Runs until disposed of, and then leaves every process as it is. */
export function startSupervisor(of: { paths: DataPaths; watched: readonly Watched[]; log: Logger }): AsyncDisposable {
  const { paths, watched, log } = of;
  mkdirSync(paths.run, { recursive: true });
  const mine = markOf(process.pid);
  if (mine !== undefined) writeMark(paths.supervisor, mine);
  const state = new Map<string, Health>(
    watched.map(({ name }) => [name, { fails: 0, revivedAtMs: 0, notBeforeMs: 0 }]),
  );
  const onError = (thrown: unknown): void => log.warn("watching failed", { thrown });
  const watch = every(
    WATCH_GAP_MS,
    async () => {
      for (const one of watched) {
        // Whoever holds the lock is starting and ending processes on purpose.
        if (readMark(paths.lock) !== undefined) return;
        // Whom the mark does not name has been replaced, or was ended together with everything else.
        if (readMark(paths.supervisor)?.pid !== process.pid) return;
        await look(one, state.get(one.name) ?? { fails: 0, revivedAtMs: 0, notBeforeMs: 0 }, log);
      }
    },
    onError,
  );
  const rotate = every(LOG_CHECK_GAP_MS, async () => rotateLogs(paths.logs), onError);
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all([watch[Symbol.asyncDispose](), rotate[Symbol.asyncDispose]()]);
      if (readMark(paths.supervisor)?.pid === process.pid) dropMark(paths.supervisor);
    },
  };
}

async function look(one: Watched, health: Health, log: Logger): Promise<void> {
  const mark = one.find();
  if (mark !== undefined && isRunning(mark)) return;
  const nowMs = performance.now();
  if (nowMs < health.notBeforeMs) return;
  if (nowMs - health.revivedAtMs > STABLE_AFTER_MS) health.fails = 0;
  log.warn("a process ended and is started again", { process: one.name, attempt: health.fails + 1 });
  health.revivedAtMs = nowMs;
  health.fails += 1;
  health.notBeforeMs = nowMs + (RESTART_GAPS_MS[Math.min(health.fails, RESTART_GAPS_MS.length - 1)] ?? 30_000);
  await one.revive().then(
    () => log.info("started again", { process: one.name }),
    (thrown) => log.error("could not start it again", { process: one.name, thrown }),
  );
}
