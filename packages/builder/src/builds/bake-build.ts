/** A finished build made for one more runtime: how `base` gets its virtual machines, which no recipe builds. */
import { type BuildManifest, type RuntimeName, variantId } from "@sandlot/storage";
import { builderFaults } from "../faults";
import { limits } from "../limits";
import { BuildLog } from "../logs/build-log";
import { bakeVariant } from "../phases/bake-variant";
import type { BuildParts } from "../phases/build-parts";
import { Progress } from "../phases/progress";
import type { BenchRecipe } from "../phases/workbench";

export type Baked = {
  readonly wasThere: boolean;
  readonly kernel: string | undefined;
  readonly memoryProblem: string | undefined;
};

/**
 * Idempotent. What was made by another kernel or on another guest layer than this release's is made anew; machines that were
 * started from it, and what was sealed of them, keep their files.
 * @throws Fault `build_runtime_missing`, `storage_missing`, or what starting and sealing throw
 */
export async function bakeBuild(
  parts: BuildParts,
  of: { recipe: BenchRecipe; runtime: RuntimeName },
  caller: AbortSignal,
): Promise<Baked> {
  const { recipe, runtime } = of;
  const { machines, artifacts, pending } = parts;
  const { buildId } = recipe;
  if (!machines.runtimes.includes(runtime))
    throw builderFaults.runtime_missing({ wanted: runtime, possible: machines.runtimes.join(", ") });
  const signal = AbortSignal.any([caller, AbortSignal.timeout(limits.bakeMs)]);
  const kernel = machines.kernelOf(runtime);
  const memoryProblem = machines.memoryProblem(runtime);
  const { manifest } = await artifacts.load(buildId, signal);
  if (manifest.layers.some(({ kind }) => kind !== undefined) || runtime === "container")
    return { wasThere: true, kernel: manifest.kernel, memoryProblem };
  const as = variantId(buildId, runtime);
  if (await artifacts.has(as, signal)) {
    const held = await artifacts.load(as, signal).catch(() => undefined);
    if (held !== undefined && isGood(parts, held.manifest, runtime)) return { wasThere: true, kernel, memoryProblem };
    await artifacts.remove([as], signal);
  }
  const { user, workdir, envs, startCmd = "", readyCmd = "" } = manifest;
  const context = { user, workdir: workdir === "" ? undefined : workdir, envs };
  await bakeVariant(
    parts,
    {
      ...{ recipe, runtime, fromBuildId: buildId },
      commands: { start: startCmd, ready: readyCmd, context },
      facts: { context, startCmd, readyCmd },
    },
    { progress: new Progress(new BuildLog(() => Date.now())), signal },
  );
  await pending.end(as);
  parts.logger.info("a build was made for a runtime", { buildId, runtime, kernel, memoryProblem });
  return { wasThere: false, kernel, memoryProblem };
}

function isGood({ machines }: BuildParts, { kernel, memory }: BuildManifest, runtime: RuntimeName): boolean {
  if (memory === undefined) return machines.memoryProblem(runtime) !== undefined;
  return kernel === machines.kernelOf(runtime) && memory.guestLayer === machines.guestLayer;
}
