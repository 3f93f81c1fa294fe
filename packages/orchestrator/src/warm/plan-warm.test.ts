import { describe, expect, it } from "bun:test";
import { shapeKey } from "../config";
import { planWarm, type WarmRules, type WarmView } from "./plan-warm";

const shape = (buildId: string) => ({ runtime: "container" as const, buildId, cpuCount: 1, memoryMiB: 1, diskMiB: 1 });
const rules: WarmRules = {
  size: 2,
  shapes: 2,
  idleMs: 1_000,
  floorBytes: 100,
  yieldBytes: 50,
  costBytes: 10,
  heavyBytes: 100,
};
const view = (change: Partial<WarmView>): WarmView => ({
  demand: [],
  counts: new Map(),
  nowMs: 10_000,
  availableBytes: 1_000,
  resting: new Set(),
  ...change,
});
const asked = (buildId: string, askedAtMs: number, isPinned = false) => ({
  shape: shape(buildId),
  askedAtMs,
  isPinned,
  occasions: 1,
  memoryBytes: 0,
});
const counts = (of: Record<string, number>) =>
  new Map(Object.entries(of).map(([buildId, count]) => [shapeKey(shape(buildId)), count]));

describe(planWarm, () => {
  it("fills the shape asked for last first, then the others, then rests", () => {
    const demand = [asked("old", 9_500), asked("new", 9_900)];
    expect(planWarm(view({ demand }), rules)).toEqual({ do: "start", shape: shape("new") });
    expect(planWarm(view({ demand, counts: counts({ new: 2, old: 1 }) }), rules)).toEqual({
      do: "start",
      shape: shape("old"),
    });
    expect(planWarm(view({ demand, counts: counts({ new: 2, old: 2 }) }), rules)).toBeUndefined();
  });

  it("lets go of shapes nobody asks for any more, but never of pinned ones", () => {
    const demand = [asked("idle", 1_000), asked("pinned", 0, true)];
    expect(planWarm(view({ demand, counts: counts({ idle: 1, pinned: 2 }) }), rules)).toEqual({
      do: "drop",
      key: shapeKey(shape("idle")),
    });
  });

  it("gives back what was taken over and is more than wanted", () => {
    expect(planWarm(view({ demand: [asked("a", 9_999)], counts: counts({ a: 3 }) }), rules)?.do).toBe("drop");
    expect(planWarm(view({ counts: counts({ unknown: 1 }) }), rules)?.do).toBe("drop");
  });

  it("warms nothing when memory is short and yields when it is very short", () => {
    const demand = [asked("a", 9_999), asked("b", 9_990)];
    expect(planWarm(view({ demand, availableBytes: 105 }), rules)).toBeUndefined();
    expect(planWarm(view({ demand, counts: counts({ a: 1, b: 1 }), availableBytes: 49 }), rules)).toEqual({
      do: "drop",
      key: shapeKey(shape("b")),
    });
  });

  it("passes over a shape whose start has just failed", () => {
    const demand = [asked("bad", 9_999), asked("good", 9_990)];
    expect(planWarm(view({ demand, resting: new Set([shapeKey(shape("bad"))]) }), rules)).toEqual({
      do: "start",
      shape: shape("good"),
    });
  });

  it("keeps few of a build with much memory ready, and none that was asked for on one occasion only", () => {
    const heavy = { ...asked("heavy", 9_900), memoryBytes: 40 };
    expect(planWarm(view({ demand: [heavy] }), rules)).toBeUndefined();
    const again = { ...heavy, occasions: 2 };
    expect(planWarm(view({ demand: [again] }), { ...rules, size: 9 })).toMatchObject({ do: "start" });
    expect(planWarm(view({ demand: [again], counts: counts({ heavy: 2 }) }), { ...rules, size: 9 })).toBeUndefined();
    expect(planWarm(view({ demand: [again], availableBytes: 149 }), rules)).toBeUndefined();
    const huge = { ...again, memoryBytes: 900 };
    expect(planWarm(view({ demand: [huge], availableBytes: 5_000 }), rules)).toMatchObject({ do: "start" });
  });
});
