/** Forgets cached steps and uploads that nobody has used for long or that are too many, and the layers that only they held. */
import type { ArtifactStore, ObjectStore } from "@sandlot/storage";
import { limits } from "../limits";
import { type CachedLayer, parseCachedLayer } from "./layer-index";

export type Trimmed = { readonly entries: number; readonly uploads: number; readonly layers: number };
type Entry = { readonly key: string; readonly usedAtMs: number; readonly layer: CachedLayer | undefined };

/**
 * Entries are written anew when they are used, so their age is that of their last use. A layer that a template stands on stays on
 * the disk: its build names it. A build under way whose layer goes does that step again.
 */
export async function trimCache(
  of: { buildCache: ObjectStore; artifacts: ArtifactStore; nowMs: number; maxBytes?: number },
  signal: AbortSignal,
): Promise<Trimmed> {
  const { buildCache, artifacts, nowMs, maxBytes = limits.cacheBytes } = of;
  const oldestMs = nowMs - limits.cacheKeepMs;
  const found: Entry[] = [];
  let [entries, uploads, bytes] = [0, 0, 0];
  const files: { key: string; usedAtMs: number; sizeBytes: number }[] = [];
  for await (const { key, changedAtMs: usedAtMs, sizeBytes } of buildCache.list("", signal)) {
    if (/^[^/]+\/files\//.test(key)) files.push({ key, usedAtMs, sizeBytes });
    if (!/^[^/]+\/index\//.test(key)) continue;
    const layer = parseCachedLayer(Buffer.from(await buildCache.getBytes(key, signal)).toString("utf8"));
    found.push({ key, usedAtMs, layer });
  }
  const kept = new Set<string>();
  const loose = new Set<string>();
  // Newest first: what is left when the room is used up goes, however young.
  for (const { key, usedAtMs, layer } of found.toSorted((a, b) => b.usedAtMs - a.usedAtMs)) {
    const isKept = usedAtMs >= oldestMs && layer !== undefined && bytes + layer.sizeBytes <= maxBytes;
    if (isKept) {
      kept.add(layer.buildId);
      bytes += layer.sizeBytes;
      continue;
    }
    // An entry may name a template's own build, which is not the cache's to remove.
    if (layer?.isLayer === true) loose.add(layer.buildId);
    await buildCache.remove(key, signal);
    entries += 1;
  }
  let uploadBytes = 0;
  for (const { key, usedAtMs, sizeBytes } of files.toSorted((a, b) => b.usedAtMs - a.usedAtMs)) {
    uploadBytes += sizeBytes;
    if (usedAtMs >= oldestMs && uploadBytes <= maxBytes) continue;
    await buildCache.remove(key, signal);
    uploads += 1;
  }
  const layers = [...loose].filter((buildId) => !kept.has(buildId));
  if (layers.length > 0) await artifacts.remove(layers, signal);
  return { entries, uploads, layers: layers.length };
}
