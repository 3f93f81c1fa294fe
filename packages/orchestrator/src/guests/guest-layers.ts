import { readdir, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

/** A layer this young may have been put there for a node that is about to start. */
const YOUNG_MS = 60_000;

/**
 * Removes guest layers that neither this run nor a living machine uses. Only below `<artifacts>/guest/`, where each lies
 * under the name of its content; a layer from anywhere else has siblings that are not ours.
 * @returns the directories removed
 */
export async function trimGuestLayers(of: {
  artifactsPath: string;
  current: string;
  inUse: ReadonlySet<string>;
  nowMs: number;
}): Promise<string[]> {
  const home = resolve(of.artifactsPath, "guest");
  if (dirname(resolve(of.current)) !== home) return [];
  const keep = new Set([...of.inUse, of.current].map((path) => resolve(path)));
  const removed: string[] = [];
  for (const name of await readdir(home).catch(() => [])) {
    const path = join(home, name);
    if (keep.has(path)) continue;
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || of.nowMs - found.mtimeMs < YOUNG_MS) continue;
    await rm(path, { recursive: true, force: true });
    removed.push(path);
  }
  return removed;
}
