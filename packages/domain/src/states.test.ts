import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import {
  ASKS,
  findMove,
  judge,
  KILL_REASONS,
  type KillReason,
  MOVES,
  nextState,
  type SandboxEvent,
  type SandboxState,
  STATES,
  VERDICTS,
  WORKING,
} from "./states";

/** What there is of a sandbox, without any word for its state: the table must never say otherwise. */
type World = { hasMachine: boolean; hasPause: boolean; work: (typeof ASKS)[number] | undefined; reason: KillReason };

/** What an event does to the world, told on its own. Undefined: it cannot happen there. */
function happen(world: World, event: SandboxEvent, reason: KillReason): World | undefined {
  const { hasMachine, hasPause, work } = world;
  const isIdle = work === undefined;
  switch (event) {
    case "pause":
      return hasMachine && (isIdle || work === "snapshot") ? { ...world, work: "pause" } : undefined;
    case "snapshot":
      return hasMachine && isIdle ? { ...world, work: "snapshot" } : undefined;
    case "kill":
      if (!hasMachine) return hasPause && isIdle ? { ...world, hasPause: false } : undefined;
      return work === "kill" ? undefined : { ...world, work: "kill", reason };
    case "resume":
      return !hasMachine && hasPause && isIdle ? { ...world, work: "resume" } : undefined;
    case "sealed":
      return work === "pause" ? { ...world, hasMachine: false, hasPause: true, work: undefined } : undefined;
    case "booted":
      return work === "resume" ? { ...world, hasMachine: true, work: undefined } : undefined;
    case "done":
      if (work === "snapshot") return { ...world, work: undefined };
      return work === "kill" ? endOf(world) : undefined;
    case "failed":
      return work === undefined || work === "kill" ? undefined : { ...world, work: undefined };
    case "lost":
      if (work === "resume") return { ...world, work: undefined };
      if (!hasMachine) return undefined;
      return work === "kill" ? endOf(world) : { ...world, hasMachine: false, work: undefined };
  }
}

function endOf(world: World): World {
  const isForgotten = world.reason === "request";
  return { ...world, hasMachine: false, hasPause: world.hasPause && !isForgotten, work: undefined };
}

function stateOf({ hasMachine, hasPause, work }: World): SandboxState {
  if (work !== undefined) return WORKING[work];
  if (hasMachine) return "running";
  return hasPause ? "paused" : "ended";
}

const EVENTS = [...new Set(MOVES.map(({ event }) => event))];
const anEvent = fc.record({
  event: fc.constantFrom(...EVENTS),
  reason: fc.constantFrom(...(Object.keys(KILL_REASONS) as KillReason[])),
});

describe("the table of states", () => {
  it("says of any sequence of events what really becomes of machine and pause", () => {
    const check = fc.property(fc.array(anEvent, { maxLength: 60 }), (events) => {
      let world: World = { hasMachine: true, hasPause: false, work: undefined, reason: "unknown" };
      let state: SandboxState = "running";
      for (const { event, reason } of events) {
        const after = happen(world, event, reason);
        const facts = { hasPause: world.hasPause, killReason: world.reason };
        expect([state, event, findMove({ from: state, event, facts })]).toEqual([
          state,
          event,
          after && stateOf(after),
        ]);
        if (after === undefined) continue;
        state = nextState(state, event, facts);
        world = after;
      }
    });
    fc.assert(check, { numRuns: 2_000 });
  });

  it("never loses a pause but to a kill that its user asked for, or to a kill of what is paused", () => {
    const check = fc.property(fc.array(anEvent, { maxLength: 60 }), (events) => {
      let state: SandboxState = "paused";
      let reason: KillReason = "unknown";
      for (const { event, reason: given } of events) {
        if (event === "kill") reason = given;
        const was = state;
        state = findMove({ from: state, event, facts: { hasPause: true, killReason: reason } }) ?? state;
        if (state === "ended") {
          expect(was === "paused" || (was === "killing" && reason === "request")).toBe(true);
          return;
        }
      }
    });
    fc.assert(check, { numRuns: 1_000 });
  });

  it("has one move at most for a state, an event and the facts", () => {
    for (const hasPause of [true, false]) {
      for (const killReason of Object.keys(KILL_REASONS) as KillReason[]) {
        for (const { from, event } of MOVES) {
          const to = MOVES.filter((move) => move.from === from && move.event === event).map((move) => move.to);
          const found = findMove({ from, event, facts: { hasPause, killReason } });
          expect(to).toContain(found as SandboxState);
        }
      }
    }
  });

  it("lets an ask begin only where the table moves, and join only where that work is done", () => {
    for (const state of Object.keys(STATES) as SandboxState[]) {
      for (const ask of ASKS) {
        const verdict = VERDICTS[state][ask];
        if (verdict === "begin") expect(findMove({ from: state, event: ask })).toBeDefined();
        if (verdict === "join") expect(WORKING[ask]).toBe(state as never);
        if (verdict === "wait") expect(STATES[state].isMoving).toBe(true);
      }
    }
  });

  it("never makes an ask wait or join for ever: orphaned work may be begun by whoever asks for it, or is taken up", () => {
    for (const state of Object.keys(STATES) as SandboxState[]) {
      for (const ask of ASKS) {
        const verdict = judge({ state, isOwned: false, ask });
        expect(verdict).not.toBe("join");
        if (WORKING[ask] === state) expect(verdict).toBe("begin");
      }
    }
    expect(judge({ state: "pausing", isOwned: false, ask: "kill" })).toBe("begin");
    expect(judge({ state: "pausing", isOwned: false, ask: "snapshot" })).toBe("refuse");
    expect(judge({ state: "pausing", isOwned: false, ask: "resume" })).toBe("wait");
  });

  it("refuses what is not in it", () => {
    expect(() => nextState("ended", "resume")).toThrow("cannot resume a sandbox that is ended");
  });
});
