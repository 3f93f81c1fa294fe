/** Gives back what nobody refers to. */
import { renameSync, rmSync, statSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isFileName } from "../names";
import type { Holds } from "./holds";
import type { Layout } from "./layout";
import { parseManifest } from "./manifest";

/** Another process (the stack, which installs `base`) may have put a file there and not yet the manifest that names it. */
const YOUNG_MS = 60_000;

export type Pinned = { readonly layerPaths: ReadonlySet<string>; readonly guestLayers: ReadonlySet<string> };

export async function collectFiles(of: {
  layout: Layout;
  holds: Holds;
  pinned: Pinned;
  nowMs: number;
}): Promise<number> {
  const { layout, holds, pinned } = of;
  using watch = holds.watch();
  const named = await readReferences(layout);
  const isMentioned = (name: string): boolean =>
    named.unread.some(({ text }) => text.includes(name.split(".", 1)[0] as string));
  const isOld = (path: string): boolean =>
    of.nowMs - (statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? of.nowMs) > YOUNG_MS;
  let bytes = 0;
  for (const name of await readdir(layout.layers)) {
    const path = join(layout.layers, name);
    if (named.layers.has(path) || pinned.layerPaths.has(path) || !isOld(path) || isMentioned(name)) continue;
    // From here to the removal nothing waits, so nobody can begin to hold it in between.
    if (watch.has(path)) continue;
    bytes += statSync(path).size;
    rmSync(path, { recursive: true, force: true });
  }
  for (const name of await readdir(layout.guest)) {
    const path = join(layout.guest, name);
    if (!isFileName(name) || named.guestLayers.has(path) || pinned.guestLayers.has(path)) continue;
    if (!isOld(path) || watch.has(path) || isMentioned(name)) continue;
    const aside = join(layout.staging, crypto.randomUUID());
    renameSync(path, aside);
    bytes += await sizeOf(aside);
    await rm(aside, { recursive: true, force: true });
  }
  return bytes;
}

export type References = {
  readonly layers: ReadonlySet<string>;
  readonly guestLayers: ReadonlySet<string>;
  /** Manifests that cannot be understood (damaged, or a later release's), with why. What they mention may be what they name. */
  readonly unread: readonly { readonly text: string; readonly thrown: unknown }[];
};

/** What the manifests here name. */
export async function readReferences(layout: Layout): Promise<References> {
  const layers = new Set<string>();
  const guestLayers = new Set<string>();
  const unread: { text: string; thrown: unknown }[] = [];
  for (const buildId of await readdir(layout.builds)) {
    const text = await readFile(layout.manifest(buildId), "utf8").catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === "ENOENT" || thrown.code === "ENOTDIR") return undefined;
      throw thrown;
    });
    if (text === undefined) continue;
    try {
      const manifest = parseManifest(buildId, text);
      for (const layer of manifest.layers) layers.add(layout.layer(layer));
      if (manifest.memory !== undefined) guestLayers.add(layout.guestLayer(manifest.memory.guestLayer));
    } catch (thrown) {
      unread.push({ text, thrown });
    }
  }
  return { layers, guestLayers, unread };
}

async function sizeOf(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
  return bytes;
}
