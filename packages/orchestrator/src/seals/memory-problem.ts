import { dirname, resolve } from "node:path";
import type { Runtime } from "@sandlot/runtime-contract";
import { guestLayersOf } from "../guests/guest";
import type { MachineRecipe } from "../guests/machine-recipe";

/** Why machines made now cannot be saved with their memory here; undefined when they can. */
export function memoryProblem(of: {
  runtime: Pick<Runtime, "name" | "capabilities">;
  artifactsPath: string;
  recipe: Pick<MachineRecipe, "guestLayer">;
}): string | undefined {
  const { memorySnapshots, memorySnapshotsProblem } = of.runtime.capabilities;
  if (!memorySnapshots) return memorySnapshotsProblem ?? `the ${of.runtime.name} runtime saves none`;
  return guestLayerProblem(of.artifactsPath, of.recipe.guestLayer);
}

/** Memory needs its guest layer for as long as it exists, so that must lie where layers are kept for those who need them. */
export function guestLayerProblem(artifactsPath: string, guestLayer: string): string | undefined {
  const home = resolve(guestLayersOf(artifactsPath));
  return dirname(resolve(guestLayer)) === home
    ? undefined
    : `the guest layer lies in ${resolve(guestLayer)}, not in ${home}`;
}
