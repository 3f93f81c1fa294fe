/**
 * The one table of what a sandbox is, what may be asked of it and what becomes of it (behaviour §4.2, with paused and
 * resuming). The api, the state store, the tests and docs/reference/states.md read it; nobody else decides.
 */
import { defineFaults } from "@sandlot/faults";

/**
 * `listed`: the half of `GET /v2/sandboxes` it stands in. `counts`: against the team's limit. `isMoving`: somebody is at work
 * on it, and when that somebody dies the work is taken up by another.
 */
export const STATES = {
  running: { listed: "running", counts: true, isMoving: false, means: "its machine runs and takes traffic" },
  pausing: { listed: "paused", counts: true, isMoving: true, means: "its node is sealing it" },
  snapshotting: { listed: "none", counts: true, isMoving: true, means: "its node seals a copy; it goes on afterwards" },
  killing: { listed: "none", counts: true, isMoving: true, means: "its node is ending its machine" },
  paused: { listed: "paused", counts: false, isMoving: false, means: "sealed; no machine, no place under the limit" },
  resuming: { listed: "paused", counts: true, isMoving: true, means: "a node is starting it from its seal" },
  ended: { listed: "none", counts: false, isMoving: false, means: "gone for good" },
} as const;

export type SandboxState = keyof typeof STATES;

/** Why a sandbox was killed. Only the user's own wish also takes what an earlier pause has kept. */
export const KILL_REASONS = {
  request: { forgetsPause: true, means: "its user asked" },
  timeout: { forgetsPause: false, means: "its time was over" },
  admin: { forgetsPause: false, means: "an administrator asked" },
  orphaned: { forgetsPause: false, means: "it ran on a node without a record" },
  base_template_missing: { forgetsPause: false, means: "what it was started from is gone" },
  unknown: { forgetsPause: false, means: "nobody said" },
} as const;
export type KillReason = keyof typeof KILL_REASONS;

/** What the outcome of some moves hangs on. */
export type MoveFacts = {
  /** A pause of an earlier run is still kept. */
  readonly hasPause: boolean;
  /** Of the kill under way. */
  readonly killReason: KillReason;
};
export const GUARDS = {
  "nothing is kept": (facts: MoveFacts) => !facts.hasPause,
  "an earlier pause is kept": (facts: MoveFacts) => facts.hasPause,
  "nothing is to be kept": (facts: MoveFacts) => !facts.hasPause || KILL_REASONS[facts.killReason].forgetsPause,
  "an earlier pause is to be kept": (facts: MoveFacts) =>
    facts.hasPause && !KILL_REASONS[facts.killReason].forgetsPause,
} as const;
export type Guard = keyof typeof GUARDS;

/** Asked for by users and by time; everything else that happens is how such work ended. */
export const ASKS = ["pause", "snapshot", "kill", "resume"] as const;
export type Ask = (typeof ASKS)[number];
export type SandboxEvent = Ask | "sealed" | "done" | "booted" | "failed" | "lost";

export type Move = {
  readonly from: SandboxState;
  readonly event: SandboxEvent;
  readonly when?: Guard;
  readonly to: SandboxState;
};

const lost = (from: SandboxState): Move[] => [
  { from, event: "lost", when: "nothing is kept", to: "ended" },
  { from, event: "lost", when: "an earlier pause is kept", to: "paused" },
];

export const MOVES: readonly Move[] = [
  { from: "running", event: "pause", to: "pausing" },
  { from: "running", event: "snapshot", to: "snapshotting" },
  { from: "running", event: "kill", to: "killing" },
  ...lost("running"),
  { from: "pausing", event: "sealed", to: "paused" },
  { from: "pausing", event: "failed", to: "running" },
  { from: "pausing", event: "kill", to: "killing" },
  ...lost("pausing"),
  { from: "snapshotting", event: "done", to: "running" },
  { from: "snapshotting", event: "failed", to: "running" },
  { from: "snapshotting", event: "pause", to: "pausing" },
  { from: "snapshotting", event: "kill", to: "killing" },
  ...lost("snapshotting"),
  { from: "killing", event: "done", when: "nothing is to be kept", to: "ended" },
  { from: "killing", event: "done", when: "an earlier pause is to be kept", to: "paused" },
  { from: "killing", event: "lost", when: "nothing is to be kept", to: "ended" },
  { from: "killing", event: "lost", when: "an earlier pause is to be kept", to: "paused" },
  { from: "paused", event: "resume", to: "resuming" },
  { from: "paused", event: "kill", to: "ended" },
  { from: "resuming", event: "booted", to: "running" },
  { from: "resuming", event: "failed", to: "paused" },
  { from: "resuming", event: "lost", to: "paused" },
];

/**
 * `begin`: the asker does it. `join`: it is being done, the asker learns how it ends. `wait`: something else is being done,
 * ask again afterwards. `refuse`: not in this state.
 */
export type Verdict = "begin" | "join" | "wait" | "refuse";

/** What each ask is told in each state while somebody is at work on what is moving. */
export const VERDICTS: Readonly<Record<SandboxState, Readonly<Record<Ask, Verdict>>>> = {
  running: { pause: "begin", snapshot: "begin", kill: "begin", resume: "refuse" },
  pausing: { pause: "join", snapshot: "refuse", kill: "wait", resume: "wait" },
  snapshotting: { pause: "wait", snapshot: "refuse", kill: "wait", resume: "refuse" },
  killing: { pause: "refuse", snapshot: "refuse", kill: "join", resume: "refuse" },
  paused: { pause: "refuse", snapshot: "refuse", kill: "begin", resume: "begin" },
  resuming: { pause: "wait", snapshot: "wait", kill: "wait", resume: "join" },
  ended: { pause: "refuse", snapshot: "refuse", kill: "refuse", resume: "refuse" },
};

/** The state that work asked for stands in; it does not depend on where the work began. */
export const WORKING = { pause: "pausing", snapshot: "snapshotting", kill: "killing", resume: "resuming" } as const;

export const stateFaults = defineFaults("sandbox_state", {
  bad_move: {
    kind: "conflict",
    say: (f: { from: SandboxState; event: SandboxEvent }) => `cannot ${f.event} a sandbox that is ${f.from}`,
  },
});

/** Undefined when the table has no such move. */
export function findMove(of: { from: SandboxState; event: SandboxEvent; facts?: MoveFacts }): SandboxState | undefined {
  const facts = of.facts ?? { hasPause: false, killReason: "unknown" };
  const isIt = (move: Move): boolean =>
    move.from === of.from && move.event === of.event && (move.when === undefined || GUARDS[move.when](facts));
  return MOVES.find(isIt)?.to;
}

/** @throws Fault `sandbox_state_bad_move` when the table has no such move */
export function nextState(from: SandboxState, event: SandboxEvent, facts?: MoveFacts): SandboxState {
  const to = findMove({ from, event, ...(facts && { facts }) });
  if (to === undefined) throw stateFaults.bad_move({ from, event });
  return to;
}

/**
 * What an ask is told.
 * @param isOwned whether somebody is at work on a state that moves; when its owner has died the same work may be begun again,
 *   and so may what the state allows next
 */
export function judge({ state, isOwned, ask }: { state: SandboxState; isOwned: boolean; ask: Ask }): Verdict {
  const verdict = VERDICTS[state][ask];
  if (isOwned || !STATES[state].isMoving) return verdict;
  const mayBegin = WORKING[ask] === state || findMove({ from: state, event: ask }) !== undefined;
  return mayBegin ? "begin" : verdict === "join" ? "wait" : verdict;
}
