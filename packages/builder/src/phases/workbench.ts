/**
 * The one machine a build works in at a time, and the layer its disk is at. All steps of a build share a machine: after each
 * the machine's own disk is sealed as one layer on what the machine was started from. A machine whose own disk has grown is
 * left for a fresh one on its newest seal, since each seal writes all of it again.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { newBuildSandboxId } from "@sandlot/domain";
import { layersBelow } from "@sandlot/runtime-contract";
import type { BuildManifest, LoadedBuild, RuntimeName } from "@sandlot/storage";
import type { CachedLayer } from "../cache/layer-index";
import { builderFaults } from "../faults";
import { limits } from "../limits";
import type { BuildMachine } from "../machines";
import type { Recipe, StepContext } from "../recipe";
import type { BuildParts } from "./build-parts";

/** What a manifest says of a build besides its layers. */
export type BuildFacts = { readonly context: StepContext; readonly startCmd?: string; readonly readyCmd?: string };

/** Whose machines they are, and of what size. */
export type BenchRecipe = Pick<Recipe, "templateId" | "buildId" | "teamId" | "cpuCount" | "memoryMiB" | "diskMiB">;

type Held = { readonly machine: BuildMachine; readonly from: LoadedBuild; diskAt: string; isHeavy: boolean };

export class Workbench implements AsyncDisposable {
  readonly runtime: RuntimeName;
  readonly #parts: BuildParts;
  readonly #recipe: BenchRecipe;
  readonly #signal: AbortSignal;
  #held: Held | undefined;
  /** Commits follow each other; the next step need not wait for the disk. */
  #commits: Promise<void> = Promise.resolve();

  constructor(parts: BuildParts, of: { recipe: BenchRecipe; runtime: RuntimeName; signal: AbortSignal }) {
    this.runtime = of.runtime;
    this.#parts = parts;
    this.#recipe = of.recipe;
    this.#signal = of.signal;
  }

  /**
   * Does `work` in a machine whose disk is that of the build; the one at hand if it is, else a fresh one.
   * @throws Fault `build_machine_ended` when the machine ends meanwhile
   */
  async on<T>(buildId: string, work: (machine: BuildMachine, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { machine } = await this.#at(buildId);
    const gone = new AbortController();
    const died = machine.ended.then((end): never => {
      const fault = builderFaults.machine_ended({ outOfMemory: end.outOfMemory });
      gone.abort(fault);
      throw fault;
    });
    died.catch(() => undefined);
    return await Promise.race([work(machine, AbortSignal.any([this.#signal, gone.signal])), died]);
  }

  /** A fresh machine on that build's disk, whatever is at hand: nothing of the steps' processes is left in it. */
  async afresh(buildId: string): Promise<void> {
    await this.clear();
    await this.#at(buildId);
  }

  /** Lets go of the machine at hand; all that was sealed is committed. */
  async clear(): Promise<void> {
    await this.#leave();
    await this.settle();
  }

  /**
   * Seals the machine's disk as a build of its own. Committed in the background; `settle` waits for all of them.
   * @param then makes it known once it is there; a layer that nobody knows is removed at the builder's next start
   */
  async sealLayer(facts: BuildFacts, then: (layer: CachedLayer) => Promise<void>): Promise<CachedLayer> {
    const held = this.#mustHold();
    await using stack = new AsyncDisposableStack();
    const staged = stack.use(await this.#parts.artifacts.stage());
    const seal = await held.machine.seal({ directory: staged.directory, memory: false }, this.#sealSignal());
    const buildId = randomUUID();
    const manifest = this.#manifestOf({ buildId, held, seal, facts });
    const layer = { buildId, context: facts.context, isLayer: true, sizeBytes: seal.layer.sizeBytes };
    const kept = stack.move();
    const before = this.#commits;
    this.#commits = (async () => {
      await using _ = kept;
      await before;
      await this.#parts.pending.begin(buildId);
      await this.#parts.artifacts.commit({ manifest, staged, layer: seal.layer.name });
      await then(layer);
      await this.#parts.pending.end(buildId);
    })();
    this.#commits.catch(() => undefined); // told by settle
    held.diskAt = buildId;
    held.isHeavy = seal.layer.sizeBytes > limits.growBytes;
    return layer;
  }

  /**
   * Seals the machine as a build, with its memory if asked.
   * @param of.as the recipe's own build, or what is made of it for another runtime
   * @param of.runtimes what sandboxes of it can run on
   */
  async sealResult(of: {
    as: string;
    facts: BuildFacts;
    memory: boolean;
    runtimes: readonly RuntimeName[];
  }): Promise<BuildManifest> {
    const held = this.#mustHold();
    await this.settle();
    await using staged = await this.#parts.artifacts.stage();
    const seal = await held.machine.seal({ directory: staged.directory, memory: of.memory }, this.#sealSignal());
    const manifest = { ...this.#manifestOf({ buildId: of.as, held, seal, facts: of.facts }), runtimes: of.runtimes };
    return await this.#parts.artifacts.commit({ manifest, staged, layer: seal.layer.name });
  }

  /** @throws what a commit in the background threw */
  async settle(): Promise<void> {
    await this.#commits;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commits.catch(() => undefined);
    await this.#leave();
  }

  #sealSignal(): AbortSignal {
    return AbortSignal.any([this.#signal, AbortSignal.timeout(limits.sealMs)]);
  }

  #mustHold(): Held {
    if (this.#held === undefined) throw new Error("there is no machine to seal");
    return this.#held;
  }

  async #at(buildId: string): Promise<Held> {
    if (this.#held !== undefined && this.#held.diskAt === buildId && !this.#held.isHeavy) return this.#held;
    await this.#leave();
    await this.settle();
    const from = await this.#parts.artifacts.load(buildId, this.#signal);
    const { templateId, teamId, cpuCount, memoryMiB, diskMiB } = this.#recipe;
    const machine = await this.#parts.machines.start(
      {
        sandboxId: newBuildSandboxId(randomBytes),
        ...{ templateId, teamId, cpuCount, memoryMiB, diskMiB, runtime: this.runtime },
        fromBuildId: buildId,
        buildId: this.#recipe.buildId,
      },
      this.#signal,
    );
    this.#held = { machine, from, diskAt: buildId, isHeavy: false };
    return this.#held;
  }

  #manifestOf(of: Parameters<typeof manifestOf>[0]): BuildManifest {
    const kernel = this.#parts.machines.kernelOf(this.runtime);
    return { ...manifestOf(of), runtimes: [this.runtime], ...(kernel === undefined ? {} : { kernel }) };
  }

  async #leave(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    await held?.machine[Symbol.asyncDispose]();
  }
}

function manifestOf(of: {
  buildId: string;
  held: Held;
  seal: Awaited<ReturnType<BuildMachine["seal"]>>;
  facts: BuildFacts;
}): BuildManifest {
  const { seal, held, facts } = of;
  const { sha256, sizeBytes, kind } = seal.layer;
  const { user, workdir, envs } = facts.context;
  return {
    version: 2,
    buildId: of.buildId,
    createdAt: new Date().toISOString(),
    layers: [
      { sha256, sizeBytes, ...(kind === "erofs" ? {} : { kind }) },
      ...layersBelow(seal.layer, held.from.manifest.layers),
    ],
    ...(seal.memory === undefined ? {} : { memory: { ...seal.memory, guestLayer: held.machine.guestLayer } }),
    user,
    workdir: workdir ?? "",
    envs,
    ...(facts.startCmd ? { startCmd: facts.startCmd } : {}),
    ...(facts.readyCmd ? { readyCmd: facts.readyCmd } : {}),
    envdVersion: held.machine.envdVersion,
  };
}
