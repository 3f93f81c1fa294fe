/** All builds this builder knows: waiting, running, and those that ended lately. */
import { builderFaults } from "../faults";
import { limits } from "../limits";
import { BuildLog, type LogEntry } from "../logs/build-log";
import type { BuildParts } from "../phases/build-parts";
import type { Recipe } from "../recipe";
import { type Baked, bakeBuild } from "./bake-build";
import { FairQueue } from "./fair-queue";
import { type BuildOutcome, runBuild } from "./run-build";

type Known = {
  readonly recipe: Recipe;
  readonly log: BuildLog;
  readonly stop: AbortController;
  /** Settles when nothing of it is left on the host; never rejects. */
  done: Promise<void>;
  outcome: BuildOutcome | undefined;
  endedAtMs: number | undefined;
};

export type BuildView = {
  readonly outcome: BuildOutcome | undefined;
  /** From the offset asked for. When `outcome` is there and fewer than asked for came, there are no more. */
  readonly entries: readonly LogEntry[];
};

export class Builds implements AsyncDisposable {
  readonly #parts: BuildParts;
  readonly #queue: FairQueue;
  readonly #known = new Map<string, Known>();

  constructor(parts: BuildParts, of: { atOnce: number }) {
    this.#parts = parts;
    this.#queue = new FairQueue({ atOnce: of.atOnce, maxWaiting: limits.waiting });
  }

  get runningCount(): number {
    return [...this.#known.values()].filter(({ outcome }) => outcome === undefined).length;
  }

  /** Accepts a build; one that is known already stays as it is. @throws Fault `build_queue_full` */
  create(recipe: Recipe): void {
    if (this.#known.has(recipe.buildId)) return;
    this.#queue.assertRoom();
    this.#forgetOld();
    const log = new BuildLog(() => Date.now());
    const known: Known = {
      ...{ recipe, log, stop: new AbortController(), done: Promise.resolve() },
      ...{ outcome: undefined, endedAtMs: undefined },
    };
    this.#known.set(recipe.buildId, known);
    known.done = this.#run(known);
  }

  /** Not in line with builds: who starts the installation waits for it. @throws what `bakeBuild` throws */
  bake(of: Parameters<typeof bakeBuild>[1], signal: AbortSignal): Promise<Baked> {
    return bakeBuild(this.#parts, of, signal);
  }

  /** @throws Fault `build_unknown` */
  async read(of: { buildId: string; offset: number; limit: number; waitMs: number }): Promise<BuildView> {
    const known = this.#known.get(of.buildId);
    if (known === undefined) throw builderFaults.unknown({ buildId: of.buildId });
    const until = AbortSignal.timeout(of.waitMs);
    while (known.log.length <= of.offset && known.outcome === undefined && !until.aborted && of.waitMs > 0)
      await known.log.changed(until);
    return { outcome: known.outcome, entries: known.log.read(of) };
  }

  /** Resolves when nothing of it is left on the host. Unknown and ended ones are fine. */
  async cancel(of: { buildId: string; why: string }): Promise<void> {
    const known = this.#known.get(of.buildId);
    if (known === undefined) return;
    known.stop.abort(builderFaults.cancelled({ why: of.why === "" ? "build was cancelled" : of.why }));
    await known.done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { stop } of this.#known.values())
      stop.abort(builderFaults.cancelled({ why: "the builder was stopped while it built: start the build again" }));
    await Promise.all([...this.#known.values()].map(({ done }) => done));
  }

  async #run(known: Known): Promise<void> {
    const { recipe, log, stop } = known;
    try {
      known.outcome = await this.#queue.run(recipe.teamId, stop.signal, () =>
        runBuild(this.#parts, { recipe, log, signal: stop.signal }),
      );
    } catch (thrown) {
      // Cancelled while it waited.
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      log.add({ message: `Build failed: ${message}`, level: "error" });
      known.outcome = { kind: "failed", message, step: "" };
    }
    known.endedAtMs = Date.now();
    const { outcome } = known;
    const { templateId, buildId, teamId } = recipe;
    this.#parts.logger.info("a build ended", { templateId, buildId, teamId, outcome: outcome.kind });
    log.wake();
  }

  #forgetOld(): void {
    const ended = [...this.#known].filter(([, { endedAtMs }]) => endedAtMs !== undefined);
    const oldestMs = Date.now() - limits.keepFinishedMs;
    for (const [at, [buildId, { endedAtMs }]] of ended.entries())
      if ((endedAtMs ?? 0) < oldestMs || at < ended.length - limits.keepFinished) this.#known.delete(buildId);
  }
}
