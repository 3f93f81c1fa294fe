/**
 * Gives back layers in the object store that no build there names any more. Nodes share a store and no lock, so it is done
 * by marks: what nobody names is marked, and only what is still marked, and still unnamed, a day later is removed. Whoever
 * uploads a build makes the marks of its layers new first (`putOffRemoval`), and so waits out a removal that has begun.
 */
import { isFault } from "@sandlot/faults";
import { sleep } from "@sandlot/lifetime";
import type { ManifestLayer } from "../artifact-store";
import { isBuildId, KEYS } from "../names";
import type { ObjectStore, StoredObject } from "../object-store";
import { parseManifest } from "./manifest";

export type CollectRules = {
  /** Rest between two rounds, whichever nodes make them, in milliseconds. */
  readonly everyMs: number;
  /** From mark to removal, in milliseconds: far longer than any upload may take. */
  readonly waitMs: number;
  /** A removal that has not come through so long after its last look at the mark is given up, in milliseconds. */
  readonly removeWithinMs: number;
  /** How long an upload waits that met a mark, in milliseconds: longer than `removeWithinMs`. */
  readonly settleMs: number;
};

const HOUR_MS = 3_600_000;

export const COLLECT_RULES: CollectRules = {
  everyMs: 6 * HOUR_MS,
  waitMs: 24 * HOUR_MS,
  removeWithinMs: 60_000,
  settleMs: 120_000,
};

const MARKS = "collect/marks/";
const CLOCK = "collect/clock";
const layerOfMark = (key: string): string => `layers/${key.slice(MARKS.length)}`;
const markOf = (layerKey: string): string => `${MARKS}${layerKey.slice("layers/".length)}`;
const text = (words: string): Uint8Array => new TextEncoder().encode(words);

/**
 * One round, if none has been made for a while. Anything that cannot be read ends it before something is removed.
 * @returns bytes given back
 */
export async function collectRemote(remote: ObjectStore, rules: CollectRules, signal: AbortSignal): Promise<number> {
  const nowMs = await turn(remote, rules, signal);
  if (nowMs === undefined) return 0;
  const marks = new Map<string, StoredObject>();
  for await (const mark of remote.list(MARKS, signal)) marks.set(layerOfMark(mark.key), mark);
  const layers: StoredObject[] = [];
  for await (const layer of remote.list("layers/", signal)) layers.push(layer);
  const isNamed = await readNames(remote, signal);
  let bytes = 0;
  for (const layer of layers) {
    const mark = marks.get(layer.key);
    marks.delete(layer.key);
    if (isNamed(layer.key)) {
      if (mark !== undefined) await remote.remove(mark.key, signal);
    } else if (mark === undefined || layer.changedAtMs > mark.changedAtMs) {
      await remote.putBytes({ key: markOf(layer.key), bytes: text("nobody names it\n") }, signal);
    } else if (
      nowMs - mark.changedAtMs >= rules.waitMs &&
      (await removeMarked(remote, { layer, mark, rules }, signal))
    ) {
      bytes += layer.sizeBytes;
    }
  }
  // Of layers that are gone. Not at once: until no other round can still be about to remove the layer, uploads must see it.
  for (const mark of marks.values())
    if (nowMs - mark.changedAtMs >= Math.max(rules.settleMs, rules.everyMs)) await remote.remove(mark.key, signal);
  return bytes;
}

/** @returns the time by the store's own clock; undefined when it is nobody's turn */
async function turn(remote: ObjectStore, rules: CollectRules, signal: AbortSignal): Promise<number | undefined> {
  const before = await remote.head(CLOCK, signal);
  const probe = `${CLOCK}-${crypto.randomUUID()}`;
  await remote.putBytes({ key: probe, bytes: text("now\n") }, signal);
  const nowMs = (await remote.head(probe, signal))?.changedAtMs;
  await remote.remove(probe, signal);
  if (nowMs === undefined || (before !== undefined && nowMs - before.changedAtMs < rules.everyMs)) return undefined;
  await remote.putBytes({ key: CLOCK, bytes: text("a round of the collector began\n") }, signal);
  return nowMs;
}

/** Whether a manifest in the store names a layer. Of one that cannot be understood everything counts that it mentions. */
async function readNames(remote: ObjectStore, signal: AbortSignal): Promise<(layerKey: string) => boolean> {
  const named = new Set<string>();
  const unread: string[] = [];
  for await (const { key } of remote.list("builds/", signal)) {
    const buildId = /^builds\/([^/]+)\/build\.json$/.exec(key)?.[1];
    if (buildId === undefined) continue;
    const manifest = await remote.getBytes(key, signal).catch((thrown: unknown) => {
      if (isFault(thrown, "storage_missing")) return undefined; // removed since the list
      throw thrown;
    });
    if (manifest === undefined) continue;
    const words = new TextDecoder().decode(manifest);
    try {
      if (!isBuildId(buildId)) throw new Error("no name of a build");
      for (const layer of parseManifest(buildId, words).layers) named.add(KEYS.layer(layer));
    } catch {
      unread.push(words);
    }
  }
  return (layerKey) => {
    const name = layerKey.slice("layers/".length).split(".", 1)[0] as string;
    return named.has(layerKey) || unread.some((words) => words.includes(name));
  };
}

/** The mark is looked at once more, and made new: an upload that comes now meets it, and waits. */
async function removeMarked(
  remote: ObjectStore,
  of: { layer: StoredObject; mark: StoredObject; rules: CollectRules },
  signal: AbortSignal,
): Promise<boolean> {
  const { layer, mark, rules } = of;
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(rules.removeWithinMs)]);
  const still = await remote.head(mark.key, inTime);
  if (still?.changedAtMs !== mark.changedAtMs) return false;
  await remote.putBytes({ key: mark.key, bytes: text("removed\n") }, inTime);
  await remote.remove(layer.key, inTime);
  return true;
}

/**
 * For who is about to name these layers in a manifest: when it resolves nobody is removing them, nor will for a day, and they
 * are to be looked for. Marks are made new and stay: whoever else comes meanwhile has to wait as well.
 */
export async function putOffRemoval(
  remote: ObjectStore,
  of: { layers: readonly ManifestLayer[]; settleMs: number },
  signal: AbortSignal,
): Promise<void> {
  const wanted = new Set(of.layers.map((layer) => markOf(KEYS.layer(layer))));
  const found: string[] = [];
  for await (const { key } of remote.list(MARKS, signal)) if (wanted.has(key)) found.push(key);
  if (found.length === 0) return;
  for (const key of found) await remote.putBytes({ key, bytes: text("wanted again\n") }, signal);
  await sleep(of.settleMs, signal);
}
