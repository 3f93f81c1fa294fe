/** All that watches: lifecycle lines, counts of teams, the keeping of days; and, once nodes are known, what they measured. */
import { type Database, rollKept } from "@sandlot/db";
import { type Clock, every } from "@sandlot/lifetime";
import type { SandboxStore } from "@sandlot/state";
import type { Logger } from "@sandlot/telemetry";
import { limits } from "../limits";
import type { NodeRegistry } from "../nodes/registry";
import { startCollector } from "./collector";
import { type LifecycleLog, startLifecycleLog } from "./lifecycle-log";
import { startTeamMeter, type TeamMeter } from "./team-meter";

export type Observing = AsyncDisposable & {
  readonly lifecycle: LifecycleLog;
  readonly meter: TeamMeter;
  collectFrom(nodes: Pick<NodeRegistry, "answering">): AsyncDisposable;
};

export function startObserving(of: {
  db: Database;
  store: Pick<SandboxStore, "all">;
  clock: Clock;
  logger: Logger;
}): Observing {
  const { db, store, clock, logger } = of;
  const failed = (doing: string) => (thrown: unknown, where?: unknown) =>
    logger.warn("observing failed, will be tried again", { doing, where, thrown });
  const parts = new AsyncDisposableStack();
  parts.use(every(limits.rollMs, () => rollKept(db), failed("roll")));
  const lifecycle = parts.use(startLifecycleLog({ db, clock, onError: failed("lifecycle lines") }));
  const meter = parts.use(startTeamMeter({ db, store, clock, onError: failed("count teams") }));
  return {
    lifecycle,
    meter,
    collectFrom: (nodes) => startCollector({ db, nodes, onError: failed("collect") }),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
