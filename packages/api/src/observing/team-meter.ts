/** Counts every team's sandboxes and starts, at whole multiples of `limits.teamCountMs`. */
import { addTeamCounts, type Database } from "@sandlot/db";
import { type Clock, every } from "@sandlot/lifetime";
import type { SandboxStore } from "@sandlot/state";
import { limits } from "../limits";

export type TeamMeter = { noteStart(teamId: string): void };

export function startTeamMeter(of: {
  db: Database;
  store: Pick<SandboxStore, "all">;
  clock: Clock;
  onError: (thrown: unknown) => void;
}): TeamMeter & AsyncDisposable {
  const { db, store, clock } = of;
  let starts = new Map<string, number>();
  let before = new Set<string>();
  let doneMs = 0;

  async function count(): Promise<void> {
    const atMs = Math.floor(clock.nowMs() / limits.teamCountMs) * limits.teamCountMs;
    if (atMs === doneMs) return;
    const running = new Map<string, number>();
    for (const { teamId, state } of await store.all()) {
      if (state === "running" || state === "snapshotting") running.set(teamId, (running.get(teamId) ?? 0) + 1);
    }
    const started = starts;
    starts = new Map();
    // A team that has just ended its last sandbox gets one more row, which says so.
    const teamIds = new Set([...running.keys(), ...started.keys(), ...before]);
    const counts = [...teamIds].map((teamId) => ({
      ...{ teamId, atMs },
      ...{ concurrent: running.get(teamId) ?? 0, started: started.get(teamId) ?? 0 },
    }));
    try {
      await addTeamCounts(db, counts);
    } catch (thrown) {
      for (const [teamId, number] of started) starts.set(teamId, (starts.get(teamId) ?? 0) + number);
      throw thrown;
    }
    before = new Set(running.keys());
    doneMs = atMs;
  }
  const loop = every(1_000, count, of.onError);
  return {
    noteStart: (teamId) => void starts.set(teamId, (starts.get(teamId) ?? 0) + 1),
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}
