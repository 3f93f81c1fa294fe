import { isFault } from "@sandlot/faults";
import type { CachedLayer } from "../cache/layer-index";
import type { BuildParts } from "./build-parts";

/** Whether what the index names is still there, whole. A damaged or removed layer is made again. */
export async function isUsable(parts: BuildParts, layer: CachedLayer, signal: AbortSignal): Promise<boolean> {
  try {
    await parts.artifacts.load(layer.buildId, signal);
    return true;
  } catch (thrown) {
    if (isFault(thrown, "storage_missing") || isFault(thrown, "storage_corrupt")) return false;
    throw thrown;
  }
}
