/** What a machine needs before anything of an installation can run: packages, executables, the base layer. */
import { ensureBase } from "./base/build";
import { loadBaseRecipe } from "./base/recipe";
import { ensureDist } from "./dist";
import { requireFitHost, requireFitNetwork } from "./host/fitness";
import { ensurePackages } from "./host/packages";
import type { Progress } from "./progress";

/** Idempotent; a second call costs some 50 ms. Tests that need a real root file system take `baseLayer`. */
export async function prepareMachine(progress: Progress, signal?: AbortSignal): Promise<{ baseLayer: string }> {
  await requireFitHost();
  await ensurePackages(progress, signal);
  await requireFitNetwork();
  const recipe = await loadBaseRecipe();
  const [base] = await Promise.all([ensureBase(recipe, progress, signal), ensureDist(progress, signal)]);
  return { baseLayer: base.layerPath };
}
