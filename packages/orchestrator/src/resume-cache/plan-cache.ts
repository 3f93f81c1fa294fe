/** What is known of one paused sandbox whose machine is still here. */
export type CachedView = { readonly key: string; readonly sinceMs: number; readonly memoryBytes: number };

export type CacheRules = { readonly size: number; readonly maxBytes: number; readonly floorBytes: number };

/** Pure: which to give back now, the longest unused first; none when all is within bounds. */
export function planCache(
  view: { cached: readonly CachedView[]; availableBytes: number },
  rules: CacheRules,
): string[] {
  const oldestFirst = [...view.cached].sort((a, b) => a.sinceMs - b.sinceMs);
  let count = oldestFirst.length;
  let heldBytes = oldestFirst.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  let { availableBytes } = view;
  const drop: string[] = [];
  for (const { key, memoryBytes } of oldestFirst) {
    if (count <= rules.size && heldBytes <= rules.maxBytes && availableBytes >= rules.floorBytes) break;
    drop.push(key);
    count -= 1;
    heldBytes -= memoryBytes;
    availableBytes += memoryBytes;
  }
  return drop;
}
