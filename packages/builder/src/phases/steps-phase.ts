/** The recipe's steps, each on the result of the one before; what was done before with the same inputs is not done again. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { isFault } from "@sandlot/faults";
import { inspectContext } from "@sandlot/storage";
import { type CachedLayer, filesKey } from "../cache/layer-index";
import { stepKey } from "../cache/layer-keys";
import { builderFaults } from "../faults";
import type { Recipe, RecipeStep } from "../recipe";
import { doStep, sayStep } from "../steps/run-step";
import type { Base } from "./base-phase";
import type { BuildParts } from "./build-parts";
import { isUsable } from "./cached-layer";
import type { Progress } from "./progress";
import type { Workbench } from "./workbench";

type Work = {
  readonly recipe: Recipe;
  readonly bench: Workbench;
  readonly progress: Progress;
  readonly signal: AbortSignal;
};

const DEFAULT_USER: RecipeStep = { type: "USER", args: ["user", "true"], filesHash: undefined, force: false };

export async function stepsPhase(parts: BuildParts, work: Work, base: Base): Promise<CachedLayer> {
  const { recipe, progress } = work;
  const chain = new Chain(parts, work, base);
  // A child of a template has its parent's user already.
  if (recipe.version === "v2.1.0" && base.parent === undefined) await chain.add(DEFAULT_USER, "DEFAULT USER user");
  for (const [at, step] of recipe.steps.entries()) {
    work.signal.throwIfAborted();
    progress.enter({ step: String(at + 1), prefix: `builder ${at + 1}/${recipe.steps.length}` });
    await chain.add(step, sayStep(step));
  }
  return chain.layer;
}

class Chain {
  readonly #parts: BuildParts;
  readonly #work: Work;
  #key: string;
  #isCacheOff: boolean;
  layer: CachedLayer;

  constructor(parts: BuildParts, work: Work, base: Base) {
    this.#parts = parts;
    this.#work = work;
    this.#key = base.key;
    this.#isCacheOff = work.recipe.force;
    this.layer = base.layer;
  }

  async add(step: RecipeStep, what: string): Promise<void> {
    const { progress, signal, recipe } = this.#work;
    const scope = recipe.cacheScope;
    this.#key = stepKey(this.#key, step);
    const key = this.#key;
    this.#isCacheOff ||= step.force;
    const found = this.#isCacheOff ? undefined : await this.#parts.index.find({ scope, key }, signal);
    if (found !== undefined && (await isUsable(this.#parts, found, signal))) {
      progress.phase({ what, key, isCached: true });
      this.layer = found;
      return;
    }
    // What follows was made on another result, even where its key is known.
    progress.phase({ what, key });
    this.layer = await this.#do(step, key);
  }

  async #do(step: RecipeStep, key: string): Promise<CachedLayer> {
    const { bench, progress, recipe, signal } = this.#work;
    const scope = recipe.cacheScope;
    const before = this.layer;
    const { context, hasChangedDisk } = await bench.on(before.buildId, (machine, alive) =>
      doStep(
        {
          address: machine.address,
          context: before.context,
          signal: alive,
          output: (line, from) => progress.output(line, from),
          fetchFiles: (of) => this.#fetchFiles(of),
        },
        step,
      ),
    );
    const note = (layer: CachedLayer) => this.#parts.index.put({ scope, key, layer }, signal);
    if (hasChangedDisk) return await bench.sealLayer({ context }, note);
    await bench.settle(); // the layer it names must be there before the index says so
    const same = { buildId: before.buildId, context, isLayer: false, sizeBytes: 0 };
    await note(same);
    return same;
  }

  async #fetchFiles({ hash, src }: { hash: string; src: string }) {
    const { signal, recipe } = this.#work;
    const staged = await this.#parts.artifacts.stage();
    const path = join(staged.directory, "context.tar");
    try {
      await this.#parts.buildCache.getFile({ key: filesKey(recipe.cacheScope, hash), path }, signal);
      await inspectContext(Bun.file(path).stream(), signal);
    } catch (thrown) {
      await staged[Symbol.asyncDispose]();
      if (isFault(thrown, "storage_missing")) throw builderFaults.files_missing({ src, hash }, thrown);
      throw thrown;
    }
    return {
      path,
      async [Symbol.asyncDispose]() {
        await rm(path, { force: true });
        await staged[Symbol.asyncDispose]();
      },
    };
  }
}
