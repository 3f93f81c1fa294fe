import { resolve } from "node:path";
import { every } from "@sandlot/lifetime";
import type { ArtifactStore } from "@sandlot/storage";
import { withVariants } from "../builds/build-for-runtime";
import type { NodeEvents } from "../events";
import type { Journal } from "../journal/journal";
import { limits } from "../limits";
import type { ResumeCache } from "../resume-cache/resume-cache";
import { layerPathsOf } from "./layer-paths";
import type { Pins } from "./pins";

export type GarbageParts = {
  readonly artifacts: ArtifactStore;
  readonly artifactsPath: string;
  readonly journal: Pick<Journal, "readAll" | "forgetSeal" | "forgetSealsBefore">;
  readonly cache: Pick<ResumeCache, "forgetBuilds">;
  readonly pins: Pins;
  readonly events: Pick<NodeEvents, "collected" | "collectFailed">;
  /** This run's own: machines are made on it at any time. */
  readonly guestLayer: string;
};

/**
 * Removes builds, and layers that nobody refers to any more: no build, no machine that is journaled in any state, no start
 * that is under way.
 */
export class Garbage implements AsyncDisposable {
  readonly #parts: GarbageParts;
  #rounds: AsyncDisposable | undefined;
  #collecting: Promise<void> | undefined;

  constructor(parts: GarbageParts) {
    this.#parts = parts;
  }

  /** Collects now and from then on every few minutes. */
  start(): void {
    this.#rounds ??= every(
      limits.collectMs,
      async () => {
        this.#parts.journal.forgetSealsBefore(Date.now() - limits.sealAnswersMs);
        await this.collect();
      },
      (thrown) => this.#parts.events.collectFailed({ thrown }),
    );
  }

  /** A build that is not there is no error. The space is given back in the background. */
  async removeBuilds(buildIds: readonly string[]): Promise<void> {
    const { artifacts, cache, journal, events } = this.#parts;
    cache.forgetBuilds(new Set(buildIds));
    await artifacts.remove(withVariants(buildIds), AbortSignal.timeout(limits.removeMs));
    for (const buildId of buildIds) journal.forgetSeal(buildId);
    this.collect().catch((thrown) => events.collectFailed({ thrown }));
  }

  /** One at a time; a call during one joins it. */
  collect(): Promise<void> {
    this.#collecting ??= this.#collect().finally(() => {
      this.#collecting = undefined;
    });
    return this.#collecting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds?.[Symbol.asyncDispose]();
    await this.#collecting?.catch(() => undefined);
  }

  async #collect(): Promise<void> {
    const { artifacts, artifactsPath, journal, pins, guestLayer } = this.#parts;
    const layerPaths = new Set<string>();
    const guestLayers = new Set([resolve(guestLayer)]);
    for (const { machine } of journal.readAll()) {
      for (const path of layerPathsOf(artifactsPath, machine.origin?.layers ?? [])) layerPaths.add(path);
      guestLayers.add(resolve(machine.recipe.guestLayer));
    }
    for (const build of pins.held) {
      for (const path of build.layerPaths) layerPaths.add(path);
      if (build.guestLayerDir !== undefined) guestLayers.add(resolve(build.guestLayerDir));
    }
    const bytes = await artifacts.collect({ layerPaths, guestLayers });
    if (bytes > 0) this.#parts.events.collected({ bytes });
  }
}
