import { type MachineShape, shapeKey } from "../config";

/** One shape the pool knows, most recently asked for first. */
export type WarmDemand = { readonly shape: MachineShape; readonly askedAtMs: number; readonly isPinned: boolean };

export type WarmView = {
  readonly demand: readonly WarmDemand[];
  /** Machines per shape key: ready and being made. */
  readonly counts: ReadonlyMap<string, number>;
  readonly nowMs: number;
  readonly availableBytes: number;
  /** Shape keys whose last start failed a moment ago. */
  readonly resting: ReadonlySet<string>;
};

export type WarmRules = {
  readonly size: number;
  readonly shapes: number;
  readonly idleMs: number;
  readonly floorBytes: number;
  readonly yieldBytes: number;
  readonly costBytes: number;
};

export type WarmStep =
  | { readonly do: "start"; readonly shape: MachineShape }
  | { readonly do: "drop"; readonly key: string };

/**
 * Pure: the one next thing to do. First give back what is not wanted or not affordable, then fill, the shape that was
 * asked for last first.
 */
export function planWarm(view: WarmView, rules: WarmRules): WarmStep | undefined {
  const wanted = wantedShapes(view, rules);
  const wantedKeys = new Set(wanted.map(shapeKey));
  for (const [key, count] of view.counts) {
    if (count > 0 && !wantedKeys.has(key)) return { do: "drop", key };
    if (count > rules.size) return { do: "drop", key };
  }
  if (view.availableBytes < rules.yieldBytes) {
    const last = [...wanted].reverse().find((shape) => (view.counts.get(shapeKey(shape)) ?? 0) > 0);
    return last === undefined ? undefined : { do: "drop", key: shapeKey(last) };
  }
  if (view.availableBytes < rules.floorBytes + rules.costBytes) return undefined;
  const hungry = wanted.find((shape) => {
    const key = shapeKey(shape);
    return (view.counts.get(key) ?? 0) < rules.size && !view.resting.has(key);
  });
  return hungry === undefined ? undefined : { do: "start", shape: hungry };
}

/** Shapes worth keeping, most recently asked for first; pinned ones never go idle. */
export function wantedShapes(
  view: Pick<WarmView, "demand" | "nowMs">,
  rules: Pick<WarmRules, "shapes" | "idleMs">,
): MachineShape[] {
  return [...view.demand]
    .filter((demand) => demand.isPinned || view.nowMs - demand.askedAtMs < rules.idleMs)
    .sort((a, b) => b.askedAtMs - a.askedAtMs)
    .slice(0, rules.shapes)
    .map((demand) => demand.shape);
}
