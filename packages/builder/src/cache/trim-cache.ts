/** Forgets cached steps and uploads that nobody has used for long, and the layers that only they held. */
import type { ArtifactStore, ObjectStore } from "@sandlot/storage";
import { limits } from "../limits";
import { parseCachedLayer } from "./layer-index";

export type Trimmed = { readonly entries: number; readonly uploads: number; readonly layers: number };

/**
 * Entries are written anew when they are used, so their age is that of their last use. A layer whose entry goes while a build
 * stands on it stays on the disk until its manifest's last reader is gone; that build's next step is done again.
 */
export async function trimCache(
  of: { buildCache: ObjectStore; artifacts: ArtifactStore; nowMs: number },
  signal: AbortSignal,
): Promise<Trimmed> {
  const { buildCache, artifacts } = of;
  const oldestMs = of.nowMs - limits.cacheKeepMs;
  const kept = new Set<string>();
  const loose = new Set<string>();
  let [entries, uploads] = [0, 0];
  for await (const { key, changedAtMs } of buildCache.list("", signal)) {
    const isOld = changedAtMs < oldestMs;
    if (/^[^/]+\/files\//.test(key) && isOld) {
      await buildCache.remove(key, signal);
      uploads += 1;
    }
    if (!/^[^/]+\/index\//.test(key)) continue;
    const layer = parseCachedLayer(Buffer.from(await buildCache.getBytes(key, signal)).toString("utf8"));
    if (!isOld && layer !== undefined) kept.add(layer.buildId);
    if (!isOld) continue;
    // An entry may name a template's own build, which is not the cache's to remove.
    if (layer?.isLayer === true) loose.add(layer.buildId);
    await buildCache.remove(key, signal);
    entries += 1;
  }
  const layers = [...loose].filter((buildId) => !kept.has(buildId));
  if (layers.length > 0) await artifacts.remove(layers, signal);
  return { entries, uploads, layers: layers.length };
}
