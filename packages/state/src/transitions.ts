import { nextState, type SandboxState } from "@sandlot/domain";
import { isFault } from "@sandlot/faults";
import { every } from "@sandlot/lifetime";
import { dueMember, type Keys } from "./keys";
import { orAborted, pollUntil, SharedPolls } from "./polling";
import { readVersioned, type Versioned } from "./record-reader";
import type { SandboxKey } from "./sandbox-record";
import type { StoreParts } from "./sandboxes";
import { scripts } from "./scripts/index";
import type { TransitionEvent, TransitionOutcome, TransitionStart } from "./transition";

type Active = { readonly id: string; readonly event: TransitionEvent };
type Asked = SandboxKey & { readonly event: TransitionEvent; readonly signal?: AbortSignal | undefined };
type Verdict = "begin" | "join" | "wait" | "refuse";
type Finish = Extract<TransitionStart, { kind: "started" }>["finish"];

/** What becomes of an event, from the state of the record and the transition under way. */
export function judge(state: SandboxState, active: TransitionEvent | undefined, event: TransitionEvent): Verdict {
  if (active !== undefined) {
    if (active === event) return event === "snapshot" ? "refuse" : "join";
    return canMove(state, event) ? "wait" : "refuse";
  }
  // In transition with nobody doing it: the owner died, and the same work may be begun again.
  const isOrphan = canMove("running", event) === state;
  return isOrphan || canMove(state, event) ? "begin" : "refuse";
}

function canMove(state: SandboxState, event: TransitionEvent | "failed"): SandboxState | undefined {
  try {
    return nextState(state, event);
  } catch (thrown) {
    if (isFault(thrown, "sandbox_state_bad_move")) return undefined;
    throw thrown;
  }
}

export function openTransitions(parts: StoreParts & { keys: Keys }): {
  begin(of: Asked): Promise<TransitionStart>;
} & Disposable {
  const { redis, keys, limits, clock } = parts;
  const outcomes = new SharedPolls<TransitionOutcome>();
  const heartbeats = new Set<AsyncDisposable>();

  /** Waits for one transition to end; where its owner and its outcome are both gone it is lost. */
  function outcomeOf(of: SandboxKey, id: string): Promise<TransitionOutcome> {
    const look = async (): Promise<TransitionOutcome | undefined> => {
      // In this order: an outcome is written in the same step that takes the transition away.
      const active = await readActive(of);
      const json = await redis.send("GET", keys.outcome(of, id));
      if (typeof json === "string") return JSON.parse(json) as TransitionOutcome;
      return active?.id === id ? undefined : { kind: "lost" };
    };
    return outcomes.join(id, () => pollUntil(look, limits));
  }

  async function readActive(of: SandboxKey): Promise<Active | undefined> {
    const [id, event] = (await redis.send("HMGET", keys.transition(of), "id", "event")) as (string | null)[];
    return id && event ? { id, event: event as TransitionEvent } : undefined;
  }

  async function tryBegin(of: Asked, found: Versioned, over: string): Promise<TransitionStart | undefined> {
    const state = canMove("running", of.event) as SandboxState; // a transition's state does not depend on where it came from
    const record = { ...found.record, state };
    const id = crypto.randomUUID();
    const done = await redis.run(scripts.beginTransition, {
      keys: [keys.record(of), keys.transition(of), keys.expiration],
      args: [found.version, JSON.stringify(record), id, of.event, limits.transitionMs, dueMember(of), over],
    });
    if (done !== 1) return undefined;
    const heartbeat = every(
      limits.transitionMs / 3,
      () => renew(of, id),
      () => undefined,
    );
    heartbeats.add(heartbeat);
    const finish: Finish = async (outcome) => {
      heartbeats.delete(heartbeat);
      await heartbeat[Symbol.asyncDispose]();
      return await finishTransition(of, id, outcome);
    };
    return { kind: "started", record, finish };
  }

  async function renew(of: SandboxKey, id: string): Promise<void> {
    await redis.run(scripts.renewTransition, {
      keys: [keys.transition(of), keys.expiration],
      args: [id, limits.transitionMs, dueMember(of)],
    });
  }

  async function finishTransition(of: SandboxKey, id: string, outcome: TransitionOutcome): Promise<boolean> {
    for (;;) {
      const found = await readVersioned(redis, keys, of);
      if (found === undefined) return false;
      const { json, dueMs } = afterwards(found, outcome);
      const done = await redis.run(scripts.finishTransition, {
        keys: [
          keys.record(of),
          keys.transition(of),
          keys.outcome(of, id),
          keys.expiration,
          keys.index(of.teamId),
          keys.owners,
          keys.teams,
        ],
        args: [
          id,
          JSON.stringify(outcome),
          limits.outcomeMs,
          found.version,
          json,
          dueMs,
          dueMember(of),
          of.sandboxId,
          of.teamId,
        ],
      });
      if (done !== 0) return done === 1;
    }
  }

  /** The record to put back, or "" to take it away, and when it falls due. */
  function afterwards({ record }: Versioned, outcome: TransitionOutcome): { json: string; dueMs: number } {
    if (outcome.kind === "ended") return { json: "", dueMs: 0 };
    if (outcome.kind === "running") {
      return { json: JSON.stringify({ ...record, state: "running" }), dueMs: record.endsAtMs };
    }
    const retryMs = clock.nowMs() + limits.retryDueMs;
    if (record.state === "killing") return { json: JSON.stringify(record), dueMs: retryMs };
    return { json: JSON.stringify({ ...record, state: "running" }), dueMs: Math.max(record.endsAtMs, retryMs) };
  }

  return {
    async begin(of) {
      const patience = of.event === "kill" ? clock.nowMs() + limits.killWaitMs : Number.POSITIVE_INFINITY;
      for (;;) {
        of.signal?.throwIfAborted();
        const [found, active] = await Promise.all([readVersioned(redis, keys, of), readActive(of)]);
        if (found === undefined) return { kind: "missing" };
        const { state } = found.record;
        const verdict = judge(state, active?.event, of.event);
        if (verdict === "refuse") return { kind: "refused", state };
        if (verdict === "join" && active !== undefined) return { kind: "joined", outcome: outcomeOf(of, active.id) };
        const isOver = active !== undefined && clock.nowMs() >= patience;
        if (active !== undefined && !isOver) {
          await waitFor(outcomeOf(of, active.id), patience - clock.nowMs(), of.signal);
          continue;
        }
        const begun = await tryBegin(of, found, isOver ? active.id : "");
        if (begun !== undefined) return begun;
      }
    },
    [Symbol.dispose]() {
      for (const heartbeat of heartbeats) void heartbeat[Symbol.asyncDispose]();
      heartbeats.clear();
    },
  };

  /** Ends with the work, or when patience does. */
  async function waitFor(work: Promise<unknown>, patienceMs: number, signal: AbortSignal | undefined): Promise<void> {
    const late = Promise.withResolvers<void>();
    using _timer = clock.after(Math.min(Math.max(patienceMs, 0), 2 ** 31 - 1), late.resolve);
    await orAborted(Promise.race([work, late.promise]), signal);
  }
}
