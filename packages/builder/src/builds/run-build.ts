/** One build from its turn to its end; decides what its reason says. */
import { Fault, isFault } from "@sandlot/faults";
import type { BuildManifest } from "@sandlot/storage";
import { builderFaults } from "../faults";
import { limits } from "../limits";
import type { BuildLog } from "../logs/build-log";
import { basePhase } from "../phases/base-phase";
import type { BuildParts } from "../phases/build-parts";
import { finalizePhase } from "../phases/finalize-phase";
import { planRuntimes } from "../phases/plan-runtimes";
import { Progress } from "../phases/progress";
import { stepsPhase } from "../phases/steps-phase";
import { Workbench } from "../phases/workbench";
import type { Recipe } from "../recipe";

export type BuildOutcome =
  | { readonly kind: "completed"; readonly manifest: BuildManifest; readonly kernel: string | undefined }
  | { readonly kind: "failed"; readonly message: string; readonly step: string };

/** Never throws. When it resolves nothing of the build is left but what it committed. */
export async function runBuild(
  parts: BuildParts,
  of: { recipe: Recipe; log: BuildLog; signal: AbortSignal },
): Promise<BuildOutcome> {
  const { recipe, log } = of;
  const progress = new Progress(log);
  const startedAtMs = Date.now();
  const tooLong = AbortSignal.timeout(limits.buildMs);
  const signal = AbortSignal.any([of.signal, tooLong]);
  try {
    progress.say(`Building template ${recipe.templateId}/${recipe.buildId}`);
    const manifest = await inPhases(parts, { recipe, progress, signal });
    progress.step = "";
    progress.say(`Build finished, took ${Math.round((Date.now() - startedAtMs) / 1000)}s`);
    const virtual = manifest.runtimes?.find((runtime) => runtime !== "container");
    const kernel = virtual === undefined ? undefined : parts.machines.kernelOf(virtual);
    return { kind: "completed", manifest, kernel };
  } catch (thrown) {
    const cause = of.signal.aborted
      ? of.signal.reason
      : tooLong.aborted
        ? builderFaults.too_long({ limitMs: limits.buildMs })
        : thrown;
    const message = messageFor(cause, () =>
      parts.logger.error("a build failed unexpectedly", { ...ids(recipe), thrown }),
    );
    progress.say(`Build failed: ${message}`, "error");
    return { kind: "failed", message, step: progress.step };
  }
}

async function inPhases(
  parts: BuildParts,
  of: { recipe: Recipe; progress: Progress; signal: AbortSignal },
): Promise<BuildManifest> {
  const runtimes = await planRuntimes(parts, of);
  await using bench = new Workbench(parts, { ...of, runtime: runtimes.bench });
  const work = { ...of, bench, runtimes };
  const base = await basePhase(parts, work);
  const layer = await stepsPhase(parts, work, base);
  return await finalizePhase(parts, work, { base, layer });
}

/** Faults of these areas are said to the user as they are; the rest is ours and is only logged. */
const SAID = /^(build|image)_/;
const KEPT_BACK = new Set(["image_unpack_failed", "build_internal"]);

function messageFor(thrown: unknown, onInternal: () => void): string {
  if (thrown instanceof Fault && SAID.test(thrown.code) && !KEPT_BACK.has(thrown.code)) return thrown.message;
  if (isFault(thrown, "storage_bad_context")) return thrown.message;
  // A node that is full or short of disk: nothing of a user's is in these texts, and waiting helps.
  if (thrown instanceof Fault && (thrown.kind === "limited" || thrown.kind === "disk_full")) return thrown.message;
  onInternal();
  return builderFaults.internal({}).message;
}

function ids({ templateId, buildId, teamId }: Recipe) {
  return { templateId, buildId, teamId };
}
