import { defineFaults } from "@sandlot/faults";

/** The one table of what a sandbox may do next; API, node and documents read it. Missing moves are refused. */
const MOVES = {
  running: { pause: "pausing", snapshot: "snapshotting", kill: "killing", lost: "ended" },
  pausing: { sealed: "paused", failed: "running", kill: "killing", lost: "ended" },
  snapshotting: { done: "running", kill: "killing", pause: "pausing", lost: "ended" },
  paused: { resume: "resuming", kill: "ended" },
  resuming: { booted: "running", failed: "paused", kill: "killing", lost: "paused" },
  killing: { done: "ended", lost: "ended" },
  ended: {},
} as const;

export type SandboxState = keyof typeof MOVES;
type EventsOf<S extends SandboxState> = S extends SandboxState ? keyof (typeof MOVES)[S] : never;
export type SandboxEvent = EventsOf<SandboxState>;

export const stateFaults = defineFaults("sandbox_state", {
  bad_move: {
    kind: "conflict",
    say: (f: { from: SandboxState; event: SandboxEvent }) => `cannot ${f.event} a sandbox that is ${f.from}`,
  },
});

/** @throws Fault `sandbox_state_bad_move` when the table has no such move */
export function nextState(from: SandboxState, event: SandboxEvent): SandboxState {
  const moves: Partial<Record<SandboxEvent, SandboxState>> = MOVES[from];
  const to = moves[event];
  if (to === undefined) throw stateFaults.bad_move({ from, event });
  return to;
}
