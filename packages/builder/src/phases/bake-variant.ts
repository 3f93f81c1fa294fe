/** A template made for one more runtime, beside the one its steps were done on: its own machine, its own sealed memory. */
import { type BuildManifest, type RuntimeName, storedMemoryBytes, variantId } from "@sandlot/storage";
import type { BuildParts } from "./build-parts";
import { type Commands, makeReady } from "./make-ready";
import type { Progress } from "./progress";
import { type BenchRecipe, type BuildFacts, Workbench } from "./workbench";

/**
 * Starts a machine from the build's disk, has it set up and ready, and seals it with its memory where the runtime can.
 * Written down as pending until the caller says that the build itself is there.
 * @returns the variant's id
 */
export async function bakeVariant(
  parts: BuildParts,
  of: { recipe: BenchRecipe; runtime: RuntimeName; fromBuildId: string; commands: Commands; facts: BuildFacts },
  { progress, signal }: { progress: Progress; signal: AbortSignal },
): Promise<string> {
  const { recipe, runtime, fromBuildId, commands, facts } = of;
  const as = variantId(recipe.buildId, runtime);
  const problem = parts.machines.memoryProblem(runtime);
  progress.say(`Making the template for ${runtime}`);
  await using bench = new Workbench(parts, { recipe, runtime, signal });
  await bench.on(fromBuildId, (machine, alive) => makeReady(machine, { recipe, commands, progress }, alive));
  await parts.pending.begin(as);
  const manifest = await bench.sealResult({ as, facts, memory: problem === undefined, runtimes: [runtime] });
  progress.say(`The template is ready for ${runtime}${sayMemory(manifest, problem)}`);
  return as;
}

function sayMemory(manifest: BuildManifest, problem: string | undefined): string {
  if (manifest.memory === undefined) return `, without memory: ${problem ?? "it has none"}`;
  return `, with ${Math.ceil(storedMemoryBytes(manifest) / 1024 ** 2)} MiB of memory`;
}
