/** Where a template's steps are done, and what it is made for. */
import type { LoadedBuild, RuntimeName } from "@sandlot/storage";
import { builderFaults } from "../faults";
import type { Recipe } from "../recipe";
import type { BuildParts } from "./build-parts";
import type { Progress } from "./progress";

export type PlannedRuntimes = {
  /** Makes the machines in which steps are done, and seals the build itself. */
  readonly bench: RuntimeName;
  /** What else the build is made for: each from the last step's disk. */
  readonly others: readonly RuntimeName[];
};

/** @throws Fault `build_runtime_missing` */
export async function planRuntimes(
  parts: BuildParts,
  of: { recipe: Recipe; progress: Progress; signal: AbortSignal },
): Promise<PlannedRuntimes> {
  const { recipe, progress, signal } = of;
  // One that is not there is the base phase's to report.
  const parent =
    recipe.base.kind === "template"
      ? await parts.artifacts.load(recipe.base.buildId, signal).catch(() => undefined)
      : undefined;
  const { offered, possible } = { offered: parts.machines.runtimes, possible: diskRunsOn(parent) };
  const { bench, others, leftOut } = chooseRuntimes({ wanted: recipe.runtimes, offered, possible });
  if (leftOut.length > 0)
    progress.say(`The steps are done on ${bench}, so the template will not run on ${leftOut.join(", ")}`, "warn");
  return { bench, others };
}

/** A disk of trees alone can be read by every runtime; one with a layer of a virtual machine's only by that. */
function diskRunsOn(parent: Pick<LoadedBuild, "manifest"> | undefined): readonly RuntimeName[] | undefined {
  if (parent === undefined) return undefined;
  const isTreesAlone = parent.manifest.layers.every(({ kind }) => kind === undefined);
  return isTreesAlone ? undefined : (parent.manifest.runtimes ?? ["container"]);
}

/**
 * Pure. Steps are done in a container where that is among what is wanted: their layers are trees then, which every runtime
 * takes. Else they are done on the first that is wanted, and the template runs there alone.
 * @param of.wanted empty: all that are offered
 * @param of.possible undefined: all
 * @throws Fault `build_runtime_missing`
 */
export function chooseRuntimes(of: {
  wanted: readonly RuntimeName[];
  offered: readonly RuntimeName[];
  possible: readonly RuntimeName[] | undefined;
}): PlannedRuntimes & { readonly leftOut: readonly RuntimeName[] } {
  const { wanted, offered } = of;
  const able = offered.filter((name) => of.possible?.includes(name) ?? true);
  const asked = wanted.length === 0 ? able : wanted;
  const bench = asked.includes("container") ? "container" : asked[0];
  if (bench === undefined || asked.some((name) => !able.includes(name)))
    throw builderFaults.runtime_missing({ wanted: asked.join(", "), possible: able.join(", ") });
  const rest = asked.filter((name) => name !== bench);
  return bench === "container" ? { bench, others: rest, leftOut: [] } : { bench, others: [], leftOut: rest };
}
