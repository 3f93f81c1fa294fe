import { findMove, judge, VERDICTS, WORKING } from "@sandlot/domain";
import { every } from "@sandlot/lifetime";
import { dueMember, type Keys } from "./keys";
import { orAborted, pollUntil, SharedPolls } from "./polling";
import { readVersioned, type Versioned } from "./record-reader";
import type { SandboxKey, SandboxRecord } from "./sandbox-record";
import type { StoreParts } from "./sandboxes";
import { scripts } from "./scripts/index";
import type { TransitionEvent, TransitionOutcome, TransitionStart } from "./transition";

type Active = { readonly id: string; readonly event: TransitionEvent };
type Asked = SandboxKey & { readonly event: TransitionEvent; readonly signal?: AbortSignal | undefined };
type Finish = Extract<TransitionStart, { kind: "started" }>["finish"];

export function openTransitions(parts: StoreParts & { keys: Keys }): {
  begin(of: Asked): Promise<TransitionStart>;
  /** Ends when nobody is at work on the sandbox; the record as it is then. */
  quiet(of: SandboxKey, signal?: AbortSignal): Promise<SandboxRecord | undefined>;
} & Disposable {
  const { redis, keys, limits, clock } = parts;
  const outcomes = new SharedPolls<TransitionOutcome>();
  const quiets = new SharedPolls<{ record: SandboxRecord | undefined }>();
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
    const record = { ...found.record, state: WORKING[of.event] };
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
    const back = findMove({ from: record.state, event: "failed" });
    const leaves = (outcome.kind === "failed" ? outcome.leaves : undefined) ?? (back === undefined ? "stay" : "back");
    if (leaves === "gone") return { json: "", dueMs: 0 };
    const retryMs = clock.nowMs() + limits.retryDueMs;
    if (leaves === "stay") return { json: JSON.stringify(record), dueMs: retryMs };
    return { json: JSON.stringify({ ...record, state: "running" }), dueMs: Math.max(record.endsAtMs, retryMs) };
  }

  return {
    async begin(of) {
      const patience = of.event === "kill" ? clock.nowMs() + limits.killWaitMs : Number.POSITIVE_INFINITY;
      for (;;) {
        of.signal?.throwIfAborted();
        // In this order, on one connection: whoever sees a transition under way learns its outcome, also when it ends right now.
        const [active, found] = await Promise.all([readActive(of), readVersioned(redis, keys, of)]);
        if (active?.event === of.event && VERDICTS[WORKING[of.event]][of.event] === "join") {
          return { kind: "joined", outcome: outcomeOf(of, active.id) };
        }
        if (found === undefined) return { kind: "missing" };
        const { state } = found.record;
        const isOwned = active !== undefined;
        const verdict = judge({ state, isOwned, ask: of.event });
        if (verdict === "refuse") return { kind: "refused", state };
        const isOver = active !== undefined && clock.nowMs() >= patience;
        if (active !== undefined && !isOver) {
          await waitFor(outcomeOf(of, active.id), patience - clock.nowMs(), of.signal);
          continue;
        }
        const begun = await tryBegin(of, found, isOver ? active.id : "");
        if (begun !== undefined) return begun;
      }
    },
    async quiet(of, signal) {
      const look = async (): Promise<{ record: SandboxRecord | undefined } | undefined> => {
        const [active, found] = await Promise.all([readActive(of), readVersioned(redis, keys, of)]);
        if (found === undefined) return { record: undefined };
        return active === undefined ? { record: found.record } : undefined;
      };
      const { record } = await orAborted(
        quiets.join(dueMember(of), () => pollUntil(look, limits)),
        signal,
      );
      return record;
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
