/** Makes a build of what was staged. Every step leaves either no build or a whole one, wherever the power is cut. */
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BuildManifest, ManifestFile, StagedBuild } from "../artifact-store";
import { asFault, isAbsent, syncPath, writeDurably } from "../durable";
import { storageFaults } from "../faults";
import { KEYS, requireBuildId } from "../names";
import type { Holds } from "./holds";
import type { Layout } from "./layout";
import { formatManifest, parseManifest } from "./manifest";
import type { Verified } from "./verified";

/** What `stat` counts in, whatever the file system's own blocks are. */
const BLOCK_BYTES = 512;

export type CommitParts = {
  readonly layout: Layout;
  readonly holds: Holds;
  readonly verified: Verified;
};

/** In the order they happen; a test ends the process after each of them. */
export const COMMIT_STEPS = ["held", "layer placed", "files synced", "manifest drafted", "build placed"] as const;
export type CommitStep = (typeof COMMIT_STEPS)[number];

export async function commitBuild(
  parts: CommitParts,
  of: { manifest: BuildManifest; staged: StagedBuild; layer?: string },
  onStep: (step: CommitStep) => void = () => undefined,
): Promise<BuildManifest> {
  const { layout } = parts;
  const { manifest, staged } = of;
  const buildId = requireBuildId(manifest.buildId);
  // What could not be read again must not be written.
  parseManifest(buildId, formatManifest(manifest));
  if (await isThere(layout.manifest(buildId))) throw storageFaults.exists({ buildId });
  using _held = parts.holds.hold(manifest.layers.map(layout.layer));
  onStep("held");
  try {
    await placeLayer(parts, of);
    onStep("layer placed");
    await requireLayers(parts, manifest);
    return await placeBuild(parts, { manifest, staged, onStep });
  } catch (thrown) {
    throw asFault(thrown, layout.root);
  }
}

/** The staged layer under the name of its content. One that is there already is the same one. */
async function placeLayer(
  { layout, verified }: CommitParts,
  of: { manifest: BuildManifest; staged: StagedBuild; layer?: string },
): Promise<void> {
  const first = of.manifest.layers[0];
  if (of.layer === undefined || first === undefined) return;
  const from = join(of.staged.directory, of.layer);
  await requireSize(of.manifest.buildId, from, first.sizeBytes);
  const target = layout.layer(first);
  const there = await stat(target).catch(() => undefined);
  if (there?.size === first.sizeBytes) {
    await rm(from);
    return;
  }
  await syncPath(from);
  await rename(from, target);
  await syncPath(layout.layers);
  await verified.trust(target, first.sha256);
}

/** The machine that was sealed lay on all of them, so they are here; a build that names another would be a broken one. */
async function requireLayers({ layout }: CommitParts, manifest: BuildManifest): Promise<void> {
  for (const layer of manifest.layers) {
    const { sizeBytes } = layer;
    const found = await stat(layout.layer(layer)).catch(() => undefined);
    if (found === undefined) throw storageFaults.missing({ key: KEYS.layer(layer) });
    if (sizeBytes >= 0 && found.size !== sizeBytes)
      throw storageFaults.corrupt({ key: KEYS.layer(layer), reason: `${found.size} bytes, and not ${sizeBytes}` });
  }
}

async function placeBuild(
  parts: CommitParts,
  of: { manifest: BuildManifest; staged: StagedBuild; onStep: (step: CommitStep) => void },
): Promise<BuildManifest> {
  const { layout, verified } = parts;
  const { staged, onStep } = of;
  let { manifest } = of;
  const { buildId } = manifest;
  const draft = join(staged.directory, ".build");
  await mkdir(draft, { mode: 0o755 });
  if (manifest.memory !== undefined) {
    const memory = join(staged.directory, "memory");
    for (const { name, sizeBytes } of manifest.memory.files) await requireSize(buildId, join(memory, name), sizeBytes);
    await syncAll(memory);
    manifest = await weighed(manifest, memory);
    await rename(memory, join(draft, "memory"));
  }
  onStep("files synced");
  await writeDurably(join(draft, "build.json"), formatManifest(manifest));
  onStep("manifest drafted");
  // Half a build of an earlier version of this program, or of a removal that was interrupted.
  await rm(layout.build(buildId), { recursive: true, force: true });
  await rename(draft, layout.build(buildId));
  await syncPath(layout.builds);
  onStep("build placed");
  for (const { name, sha256 } of manifest.memory?.files ?? [])
    await verified.trust(layout.memory(buildId, name), sha256);
  return manifest;
}

/** With what the files of memory take on the disk, where that is less than their size. */
async function weighed(manifest: BuildManifest, directory: string): Promise<BuildManifest> {
  const { memory } = manifest;
  if (memory === undefined) return manifest;
  const weigh = async (file: ManifestFile): Promise<ManifestFile> => {
    const storedBytes = (await stat(join(directory, file.name))).blocks * BLOCK_BYTES;
    return storedBytes < file.sizeBytes ? { ...file, storedBytes } : file;
  };
  return { ...manifest, memory: { ...memory, files: await Promise.all(memory.files.map(weigh)) } };
}

async function requireSize(buildId: string, path: string, sizeBytes: number): Promise<void> {
  const found = await stat(path).catch((thrown: unknown) => {
    throw isAbsent(thrown) ? storageFaults.incomplete({ buildId, reason: `${path} is not there` }, thrown) : thrown;
  });
  if (found.size !== sizeBytes)
    throw storageFaults.incomplete({ buildId, reason: `${path} has ${found.size} bytes, and not ${sizeBytes}` });
}

async function syncAll(directory: string): Promise<void> {
  for (const name of await readdir(directory)) await syncPath(join(directory, name));
  await syncPath(directory);
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
