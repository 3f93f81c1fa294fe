/** From the last layer to a template: a fresh machine per runtime, set up, its start command running and ready, sealed. */
import { isFault } from "@sandlot/faults";
import type { BuildManifest, RuntimeName } from "@sandlot/storage";
import type { CachedLayer } from "../cache/layer-index";
import { builderFaults } from "../faults";
import type { Recipe, StepContext } from "../recipe";
import { bakeVariant } from "./bake-variant";
import type { Base } from "./base-phase";
import type { BuildParts } from "./build-parts";
import { type Commands, makeReady } from "./make-ready";
import type { PlannedRuntimes } from "./plan-runtimes";
import type { Progress } from "./progress";
import type { BuildFacts, Workbench } from "./workbench";

type Work = {
  readonly recipe: Recipe;
  readonly bench: Workbench;
  readonly runtimes: PlannedRuntimes;
  readonly progress: Progress;
  readonly signal: AbortSignal;
};

/** All of it, or nothing: what was made for other runtimes goes again when the build itself comes to nothing. */
export async function finalizePhase(
  parts: BuildParts,
  work: Work,
  of: { base: Base; layer: CachedLayer },
): Promise<BuildManifest> {
  const { recipe, bench, progress } = work;
  progress.enter({ step: "finalize", prefix: "finalize" });
  progress.phase({ what: "Finalizing template build" });
  const commands = commandsOf(recipe, of);
  const facts = { context: finalContext(recipe, of.layer.context), startCmd: commands.start, readyCmd: commands.ready };
  const variants: string[] = [];
  try {
    const runtimes: RuntimeName[] = [bench.runtime];
    if (work.runtimes.others.length > 0) await bench.clear();
    for (const runtime of work.runtimes.others) {
      const wanted = { recipe, runtime, fromBuildId: of.layer.buildId, commands, facts };
      variants.push(await bakeVariant(parts, wanted, work));
      runtimes.push(runtime);
    }
    const manifest = await finalizeOnBench(parts, work, { layer: of.layer, commands, facts, runtimes });
    for (const variant of variants) await parts.pending.end(variant);
    return manifest;
  } catch (thrown) {
    // Not by the build's own signal: that may be why we are here. What cannot be removed now goes at the next start.
    await parts.artifacts.remove(variants, AbortSignal.timeout(10_000)).catch(() => undefined);
    throw thrown;
  }
}

async function finalizeOnBench(
  parts: BuildParts,
  { recipe, bench, progress }: Work,
  of: { layer: CachedLayer; commands: Commands; facts: BuildFacts; runtimes: readonly RuntimeName[] },
): Promise<BuildManifest> {
  const { layer, commands, facts, runtimes } = of;
  const problem = parts.machines.memoryProblem(bench.runtime);
  // In a container what starts nothing boots faster than it would be restored: docs/decisions/0009. A kernel takes seconds.
  const memory = problem === undefined && (commands.start !== "" || bench.runtime !== "container");
  await bench.afresh(layer.buildId);
  await bench.on(layer.buildId, (machine, alive) => makeReady(machine, { recipe, commands, progress }, alive));
  progress.say("Template is ready");
  if (problem !== undefined && commands.start !== "") {
    progress.say(
      `This node saves no machine's memory (${problem}): the start command will not be running in sandboxes`,
      "warn",
    );
  }
  const as = recipe.buildId;
  try {
    return await bench.sealResult({ as, facts, memory, runtimes });
  } catch (thrown) {
    if (!isFault(thrown, "machine_unsealable")) throw thrown;
    if (commands.start !== "") throw builderFaults.unsealable({ why: thrown.message }, thrown);
    progress.say(`Saved without memory: ${thrown.message}`, "warn");
    return await bench.sealResult({ as, facts, memory: false, runtimes });
  }
}

/** Neither given: the parent's pair, with the context it was made for. */
function commandsOf(recipe: Recipe, of: { base: Base; layer: CachedLayer }): Commands {
  const { startCmd: start, readyCmd: ready } = recipe;
  const parent = of.base.parent?.manifest;
  if (start !== "" || ready !== "" || parent === undefined) return { start, ready, context: of.layer.context };
  const { user, workdir, envs } = parent;
  const context = { user, workdir: workdir === "" ? undefined : workdir, envs };
  return { start: parent.startCmd ?? "", ready: parent.readyCmd ?? "", context };
}

/** Recipes of older clients say nothing of the user that sandboxes get. */
function finalContext(recipe: Recipe, context: StepContext): StepContext {
  if (recipe.version === "v2.1.0") return { ...context, workdir: context.workdir ?? homeOf(context.user) };
  return { ...context, user: "user", workdir: "/home/user" };
}

function homeOf(user: string): string {
  return user === "root" ? "/root" : `/home/${user}`;
}
