/** Builds that come from elsewhere than a node: what brings `base` adds it here, also while a node has the store open. */
import { copyFile, link, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BuildManifest } from "../artifact-store";
import { isAbsent, syncPath, writeDurably } from "../durable";
import { storageFaults } from "../faults";
import { requireBuildId } from "../names";
import { readReferences } from "./collect";
import { type Layout, layoutOf } from "./layout";
import { formatManifest } from "./manifest";
import { Verified } from "./verified";

/**
 * Idempotent; costs a hard link, or a copy from another file system. The layer's name is believed: whoever built it hashed
 * it. A manifest of an older version is replaced in its place.
 * @param of.layerPath the file of `manifest.layers[0]`, which is not changed and never will be
 */
export async function installBuild(of: {
  directory: string;
  manifest: BuildManifest;
  layerPath: string;
}): Promise<void> {
  const layout = layoutOf(of.directory);
  const { manifest } = of;
  const buildId = requireBuildId(manifest.buildId);
  const [layer] = manifest.layers;
  if (layer === undefined) throw storageFaults.incomplete({ buildId, reason: "it has no layer" });
  for (const directory of [layout.builds, layout.layers, layout.verified])
    await mkdir(directory, { recursive: true, mode: 0o755 });
  const target = layout.layer(layer);
  if ((await stat(target).catch(() => undefined)) === undefined) {
    await place(of.layerPath, target);
    await new Verified(layout).trust(target, layer.sha256);
  }
  const text = formatManifest(manifest);
  if (isSame(await readFile(layout.manifest(buildId), "utf8").catch(() => ""), manifest)) return;
  await mkdir(layout.build(buildId), { recursive: true, mode: 0o755 });
  await writeDurably(layout.manifest(buildId), text);
  await syncPath(layout.builds);
}

/** The day it was first installed is not news. */
function isSame(text: string, manifest: BuildManifest): boolean {
  try {
    const held = JSON.parse(text) as Record<string, unknown>;
    return JSON.stringify({ ...held, createdAt: "" }) === JSON.stringify({ ...manifest, createdAt: "" });
  } catch {
    return false;
  }
}

async function place(from: string, target: string): Promise<void> {
  try {
    await link(from, target);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "EXDEV") throw thrown;
    const draft = `${target}.${crypto.randomUUID()}.new`;
    try {
      await copyFile(from, draft);
      await syncPath(draft);
      await rename(draft, target);
    } catch (failed) {
      await rm(draft, { force: true });
      throw failed;
    }
  }
  await syncPath(join(target, ".."));
}

/**
 * Guest layers that sealed memory of this directory lies on: paused sandboxes cannot wake without them.
 * @throws Fault `storage_corrupt` when a manifest cannot be read, and so nobody knows
 */
export async function guestLayersInUse(directory: string): Promise<ReadonlySet<string>> {
  const layout: Layout = layoutOf(directory);
  return await readReferences(layout).then(
    ({ guestLayers, unread }) => {
      if (unread[0] !== undefined) throw unread[0].thrown;
      return guestLayers;
    },
    (thrown: unknown) => {
      if (isAbsent(thrown)) return new Set<string>();
      throw thrown;
    },
  );
}
