/** Which sealed build holds the result of a step: one small object per key and team in the build cache. */
import { isFault } from "@sandlot/faults";
import type { ObjectStore } from "@sandlot/storage";
import { limits } from "../limits";
import type { StepContext } from "../recipe";

export type CachedLayer = {
  /** A committed build; its disk is the step's result. Several keys may name one: not every step changes the disk. */
  readonly buildId: string;
  readonly context: StepContext;
  /** Made by a step and held by the cache alone; otherwise it is a template's, or another entry's. */
  readonly isLayer: boolean;
  /** What the layer alone takes on the disk; 0 where it is not the cache's own. */
  readonly sizeBytes: number;
};

export type LayerIndex = {
  find(of: { scope: string; key: string }, signal: AbortSignal): Promise<CachedLayer | undefined>;
  put(of: { scope: string; key: string; layer: CachedLayer }, signal: AbortSignal): Promise<void>;
};

export function openLayerIndex(store: ObjectStore): LayerIndex {
  return {
    async find({ scope, key }, signal) {
      try {
        const bytes = await store.getBytes(indexKey(scope, key), signal);
        const found = await store.head(indexKey(scope, key), signal);
        // Its age is that of its last use: the cache is trimmed by it.
        if ((found?.changedAtMs ?? 0) < Date.now() - limits.cacheTouchMs) {
          await store.putBytes({ key: indexKey(scope, key), bytes }, signal);
        }
        return parseCachedLayer(Buffer.from(bytes).toString("utf8"));
      } catch (thrown) {
        if (isFault(thrown, "storage_missing")) return undefined;
        throw thrown;
      }
    },
    async put({ scope, key, layer }, signal) {
      await store.putBytes({ key: indexKey(scope, key), bytes: Buffer.from(JSON.stringify(layer)) }, signal);
    },
  };
}

/** Where the files of a COPY step lie: per team, so that no team's upload is ever taken for another's. */
export function filesKey(scope: string, hash: string): string {
  return `${scope}/files/${hash}.tar`;
}

function indexKey(scope: string, key: string): string {
  return `${scope}/index/${key}`;
}

/** An entry that cannot be understood is as good as none: the step is done again. */
export function parseCachedLayer(text: string): CachedLayer | undefined {
  try {
    const { buildId, context, isLayer, sizeBytes } = JSON.parse(text);
    if (typeof buildId !== "string" || typeof context?.user !== "string") return undefined;
    if (typeof context.envs !== "object" || context.envs === null) return undefined;
    const workdir = typeof context.workdir === "string" ? context.workdir : undefined;
    return {
      buildId,
      context: { user: context.user, workdir, envs: context.envs },
      isLayer: isLayer === true,
      sizeBytes: Number(sizeBytes) || 0,
    };
  } catch {
    return undefined;
  }
}
