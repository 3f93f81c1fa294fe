/** Random sequences of asks, outcomes, deaths of owners and updates, on two replicas, against a model of one sandbox. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { findMove, type SandboxState } from "@sandlot/domain";
import fc from "fast-check";
import {
  type FinishOutcome,
  openState,
  type Started,
  type State,
  type TransitionEvent,
  type TransitionOutcome,
} from "../src/index";
import { startRedis, type TestRedis } from "./redis-server";
import { sampleRecord } from "./sample-record";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
});

const key = { teamId: "team-1", sandboxId: "a" };
const limits = { transitionMs: 60_000, killWaitMs: 0, pollFromMs: 1, pollToMs: 4 };

type Joiner = { readonly transition: number; readonly outcome: Promise<TransitionOutcome> };
type Work = {
  readonly number: number;
  readonly event: TransitionEvent;
  readonly started: Started;
  readonly by: number;
};
type Model = { state: SandboxState | "none"; work: Work | undefined; cpuCount: number };
type Real = { readonly replicas: State[]; readonly joiners: Joiner[]; readonly told: Map<number, TransitionOutcome> };

let numbers = 0;

class AskCommand implements fc.AsyncCommand<Model, Real> {
  readonly event: TransitionEvent;
  readonly replica: number;
  constructor(event: TransitionEvent, replica: number) {
    this.event = event;
    this.replica = replica;
  }
  check = () => true;
  async run(model: Model, { replicas, joiners, told }: Real): Promise<void> {
    const store = (replicas[this.replica] as State).sandboxes;
    // An ask that would wait for other work is called off at once; only a kill, which has no patience here, takes over.
    const isBusy = model.work !== undefined && model.work.event !== this.event;
    const mayWait =
      isBusy && this.event !== "kill" && findMove({ from: model.state as SandboxState, event: this.event });
    if (mayWait) {
      const signal = AbortSignal.timeout(8);
      await expect(store.beginTransition({ ...key, event: this.event, signal })).rejects.toThrow();
      return;
    }
    const begun = await store.beginTransition({ ...key, event: this.event });
    if (model.state === "none") return void expect(begun.kind).toBe("missing");
    if (model.work?.event === this.event && this.event !== "snapshot") {
      if (begun.kind !== "joined") throw new Error(`${this.event} should have joined, but ${begun.kind}`);
      joiners.push({ transition: model.work.number, outcome: begun.outcome });
      return;
    }
    const to = findMove({ from: model.state, event: this.event });
    if (to === undefined) return void expect(begun).toEqual({ kind: "refused", state: model.state });
    if (begun.kind !== "started")
      throw new Error(`${this.event} of ${model.state} should have begun, but ${begun.kind}`);
    expect(begun.record.state).toBe(to);
    expect(begun.record.cpuCount).toBe(model.cpuCount);
    if (model.work !== undefined) told.set(model.work.number, { kind: "lost" });
    numbers += 1;
    model.work = { number: numbers, event: this.event, started: begun, by: this.replica };
    model.state = to;
  }
  toString = () => `${this.event} on ${this.replica}`;
}

class FinishCommand implements fc.AsyncCommand<Model, Real> {
  readonly outcome: FinishOutcome;
  constructor(outcome: FinishOutcome) {
    this.outcome = outcome;
  }
  check = (model: Readonly<Model>) => model.work !== undefined;
  async run(model: Model, { told, replicas }: Real): Promise<void> {
    const { work } = model;
    if (work === undefined) return;
    expect(await work.started.finish(this.outcome)).toBe(true);
    told.set(work.number, this.outcome);
    model.work = undefined;
    const { outcome } = this;
    if (outcome.kind === "ended" || (outcome.kind === "failed" && outcome.leaves === "gone")) model.state = "none";
    else if (outcome.kind === "running") model.state = "running";
    else if (outcome.leaves === undefined) model.state = work.event === "kill" ? "killing" : "running";
    else if (outcome.leaves === "back") model.state = "running";
    // What stays has no owner any more, and nothing in this model takes it up: the next ask of the same kind may.
    if (outcome.kind === "failed" && model.state !== "none" && model.state !== "running") {
      await this.takeUp(model, work, replicas[0] as State);
    }
  }
  /** Orphaned work begins again for whoever asks the same. */
  async takeUp(model: Model, work: Work, { sandboxes }: State): Promise<void> {
    const begun = await work.started.finish({ kind: "running" });
    expect(begun).toBe(false); // it is over for its first owner
    numbers += 1;
    const again = await sandboxes.beginTransition({ ...key, event: work.event });
    if (again.kind !== "started") throw new Error(`orphaned ${work.event} should begin again, but ${again.kind}`);
    model.work = { number: numbers, event: work.event, started: again, by: 0 };
  }
  toString = () => `finish ${JSON.stringify(this.outcome)}`;
}

class UpdateCommand implements fc.AsyncCommand<Model, Real> {
  readonly cpuCount: number;
  readonly replica: number;
  constructor(cpuCount: number, replica: number) {
    this.cpuCount = cpuCount;
    this.replica = replica;
  }
  check = () => true;
  async run(model: Model, { replicas }: Real): Promise<void> {
    const store = (replicas[this.replica] as State).sandboxes;
    const stored = await store.update(key, (record) => ({ ...record, cpuCount: this.cpuCount }));
    if (model.state === "none") return void expect(stored).toBeUndefined();
    model.cpuCount = this.cpuCount;
    expect(stored?.state).toBe(model.state);
  }
  toString = () => `cpus ${this.cpuCount}`;
}

const anOutcome = fc.constantFrom<FinishOutcome>(
  { kind: "ended" },
  { kind: "running" },
  { kind: "failed", code: "c", message: "m" },
  { kind: "failed", code: "c", message: "m", as: "conflict", leaves: "back" },
  { kind: "failed", code: "c", message: "m", leaves: "stay" },
  { kind: "failed", code: "c", message: "m", leaves: "gone" },
);

describe("the store's state machine", () => {
  it("does what the model says, and every joiner on any replica learns the one outcome", async () => {
    const commands = [
      ...(["pause", "snapshot", "kill"] as const).map((event) =>
        fc.integer({ min: 0, max: 1 }).map((replica) => new AskCommand(event, replica)),
      ),
      anOutcome.map((outcome) => new FinishCommand(outcome)),
      fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 1 })).map((of) => new UpdateCommand(...of)),
    ];
    const check = fc.asyncProperty(fc.commands(commands, { maxCommands: 30, size: "max" }), async (asked) => {
      const keyPrefix = `${crypto.randomUUID()}:`;
      const replicas = [0, 1].map(() => openState({ redisUrl: redis.url, keyPrefix }, { limits }));
      const real: Real = { replicas, joiners: [], told: new Map() };
      const record = sampleRecord({ ...key, endsAtMs: Date.now() + 600_000 });
      const model: Model = { state: "running", work: undefined, cpuCount: record.cpuCount };
      try {
        await (replicas[0] as State).sandboxes.commit(record);
        await fc.asyncModelRun(() => ({ model, real }), asked);
        const now = await (replicas[1] as State).sandboxes.read(key);
        expect(now?.state ?? "none").toBe(model.state);
        if (model.work !== undefined) {
          await model.work.started.finish({ kind: "ended" });
          real.told.set(model.work.number, { kind: "ended" });
        }
        for (const { transition, outcome } of real.joiners) {
          expect(await outcome).toEqual(real.told.get(transition) as TransitionOutcome);
        }
      } finally {
        for (const replica of replicas) await replica[Symbol.asyncDispose]();
      }
    });
    await fc.assert(check, { numRuns: 60 });
  }, 60_000);
});
