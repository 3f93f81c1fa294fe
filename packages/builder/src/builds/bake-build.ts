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
 * Idempotent. What was made by another kernel, on another guest layer than this release's or on another host is made anew; machines that were
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
    const problem =
      held === undefined ? "it is damaged" : await problemOf(parts, { ...of, manifest: held.manifest }, signal);
    if (problem === undefined) return { wasThere: true, kernel, memoryProblem };
    parts.logger.info("what was made of a build for a runtime is made anew", { buildId, runtime, problem });
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

/**
 * Why what was made cannot be used as it is; undefined when it can. Only a start tells of a host that has changed: where none
 * can be had now, what is there stays.
 */
async function problemOf(
  { machines, logger }: Pick<BuildParts, "machines" | "logger">,
  of: { recipe: BenchRecipe; runtime: RuntimeName; manifest: BuildManifest },
  signal: AbortSignal,
): Promise<string | undefined> {
  const { recipe, runtime } = of;
  const { kernel, memory } = of.manifest;
  if (memory === undefined) return machines.memoryProblem(runtime) === undefined ? "it has no memory" : undefined;
  if (kernel !== machines.kernelOf(runtime)) return "it is of another guest kernel";
  if (memory.guestLayer !== machines.guestLayer) return "it is of another guest layer";
  const { buildId, cpuCount, memoryMiB, diskMiB } = recipe;
  try {
    return await machines.whyUnrestorable({ runtime, buildId, cpuCount, memoryMiB, diskMiB }, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    logger.warn("what was made of a build for a runtime could not be tried", { buildId, runtime, thrown });
    return undefined;
  }
}
