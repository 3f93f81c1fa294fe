import { type MachineShape, shapeKey } from "../config";

/** One shape the pool knows, most recently asked for first. */
export type WarmDemand = {
  readonly shape: MachineShape;
  readonly askedAtMs: number;
  readonly isPinned: boolean;
  /** How often it was asked for, calls close together counted as one. */
  readonly occasions: number;
  /** Of its sealed memory; 0 for a build that boots. */
  readonly memoryBytes: number;
};

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
  /** What the ready machines of one build with memory may cost together. */
  readonly heavyBytes: number;
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
  const sizes = new Map(wanted.map((demand) => [shapeKey(demand.shape), sizeOf(demand, rules)]));
  for (const [key, count] of view.counts) if (count > (sizes.get(key) ?? 0)) return { do: "drop", key };
  if (view.availableBytes < rules.yieldBytes) {
    const last = [...wanted].reverse().find(({ shape }) => (view.counts.get(shapeKey(shape)) ?? 0) > 0);
    return last === undefined ? undefined : { do: "drop", key: shapeKey(last.shape) };
  }
  const hungry = wanted.find((demand) => {
    const key = shapeKey(demand.shape);
    const hasRoom = view.availableBytes >= rules.floorBytes + costOf(demand, rules);
    return hasRoom && (view.counts.get(key) ?? 0) < (sizes.get(key) ?? 0) && !view.resting.has(key);
  });
  return hungry === undefined ? undefined : { do: "start", shape: hungry.shape };
}

/** How many to keep ready. Anonymous memory is copied by each restore, so of a large build there are few. */
function sizeOf(demand: WarmDemand, rules: Pick<WarmRules, "size" | "costBytes" | "heavyBytes">): number {
  if (demand.memoryBytes === 0) return rules.size;
  return Math.min(rules.size, Math.max(1, Math.floor(rules.heavyBytes / costOf(demand, rules))));
}

function costOf({ memoryBytes }: WarmDemand, { costBytes }: Pick<WarmRules, "costBytes">): number {
  return costBytes + memoryBytes;
}

/**
 * Shapes worth keeping, most recently asked for first; pinned ones never go idle. A build with memory is often somebody's
 * fork, asked for once by many together: only what is asked for again is kept ready.
 */
export function wantedShapes(
  view: Pick<WarmView, "demand" | "nowMs">,
  rules: Pick<WarmRules, "shapes" | "idleMs">,
): WarmDemand[] {
  return [...view.demand]
    .filter((demand) => demand.isPinned || demand.memoryBytes === 0 || demand.occasions > 1)
    .filter((demand) => demand.isPinned || view.nowMs - demand.askedAtMs < rules.idleMs)
    .sort((a, b) => b.askedAtMs - a.askedAtMs)
    .slice(0, rules.shapes);
}
