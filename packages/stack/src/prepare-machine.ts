/** What a machine needs before anything of an installation can run: packages, executables, the base layer, CRIU, a guest kernel. */
import { ensureBase } from "./base/build";
import { loadBaseRecipe } from "./base/recipe";
import { ensureCriu } from "./criu/ensure-criu";
import { ensureDist } from "./dist";
import { ensureVmHost } from "./guest-kernel/ensure-kernel";
import { requireFitHost, requireFitNetwork } from "./host/fitness";
import { ensureAlso, ensurePackages } from "./host/packages";
import type { Progress } from "./progress";

/** Clients of other makers, which tests hold ours against. */
const TEST_NEEDS = ["skopeo"] as const;

/**
 * Idempotent; a second call costs some 50 ms. Tests that need a real root file system take `baseLayer`, those of pauses with memory
 * `criuPath`, those of virtual machines `kernelDir`. */
export async function prepareMachine(
  progress: Progress,
  signal?: AbortSignal,
): Promise<{ baseLayer: string; criuPath: string | undefined; kernelDir: string | undefined }> {
  await requireFitHost();
  await ensurePackages(progress, signal);
  await ensureAlso(TEST_NEEDS, progress, signal);
  await requireFitNetwork();
  const kernel = await ensureVmHost(progress, signal);
  const recipe = await loadBaseRecipe();
  const [base, , criu] = await Promise.all([
    ensureBase(recipe, progress, signal),
    ensureDist(progress, signal),
    ensureCriu(progress, signal),
  ]);
  return { baseLayer: base.layerPath, criuPath: criu?.path, kernelDir: kernel?.directory };
}
