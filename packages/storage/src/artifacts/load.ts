/** Brings a build's files to this disk and makes sure that they are what its manifest says. */
import { mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isFault } from "@sandlot/faults";
import type { BuildManifest, LoadedBuild } from "../artifact-store";
import { asFault, isAbsent, syncPath, writeDurably } from "../durable";
import { storageFaults } from "../faults";
import { isBuildId, KEYS } from "../names";
import type { ObjectStore } from "../object-store";
import { fetchGuestLayer } from "./guest-layers";
import type { Holds } from "./holds";
import { markInStore } from "./in-store";
import type { Layout } from "./layout";
import { formatManifest, parseManifest } from "./manifest";
import { unpackFile } from "./packed";
import type { Verified } from "./verified";

export type LoadParts = {
  readonly layout: Layout;
  readonly holds: Holds;
  readonly verified: Verified;
  readonly remote: ObjectStore | undefined;
};

type Fetched = { readonly manifest: BuildManifest; readonly isHere: boolean };

/** Runs once at a time per build. */
export async function loadBuild(parts: LoadParts, buildId: string, signal: AbortSignal): Promise<LoadedBuild> {
  if (!isBuildId(buildId)) throw storageFaults.missing({ key: KEYS.manifest(buildId) });
  const { layout } = parts;
  const { manifest, isHere } = await findManifest(parts, buildId, signal);
  const shared = manifest.layers.map(layout.layer);
  if (manifest.memory !== undefined) shared.push(layout.guestLayer(manifest.memory.guestLayer));
  using _held = parts.holds.hold(shared);
  try {
    for (const layer of manifest.layers)
      await ensureFile(parts, { key: KEYS.layer(layer), path: layout.layer(layer), ...layer }, signal);
    if (manifest.memory !== undefined) await ensureGuestLayer(parts, manifest.memory.guestLayer, signal);
    if (isHere) await ensureMemory(parts, manifest, layout.memoryDir(buildId), signal);
    else await placeFetched(parts, manifest, signal);
  } catch (thrown) {
    throw asFault(thrown, layout.root);
  }
  return describe(layout, manifest);
}

function describe(layout: Layout, manifest: BuildManifest): LoadedBuild {
  const layerPaths = manifest.layers.map(layout.layer);
  const layers = manifest.layers.map((layer) => ({ kind: layer.kind ?? "erofs", path: layout.layer(layer) }) as const);
  if (manifest.memory === undefined) return { manifest, layerPaths, layers };
  return {
    manifest,
    layerPaths,
    layers,
    memoryDir: layout.memoryDir(manifest.buildId),
    guestLayerDir: layout.guestLayer(manifest.memory.guestLayer),
  };
}

async function findManifest(parts: LoadParts, buildId: string, signal: AbortSignal): Promise<Fetched> {
  const text = await readFile(parts.layout.manifest(buildId), "utf8").catch((thrown: unknown) => {
    if (isAbsent(thrown)) return undefined;
    throw thrown;
  });
  if (text !== undefined) return { manifest: parseManifest(buildId, text), isHere: true };
  if (parts.remote === undefined) throw storageFaults.missing({ key: KEYS.manifest(buildId) });
  const bytes = await parts.remote.getBytes(KEYS.manifest(buildId), signal);
  return { manifest: parseManifest(buildId, new TextDecoder().decode(bytes)), isHere: false };
}

type Wanted = {
  readonly key: string;
  /** Where it lies packed, in stores that were told of it since there is that. */
  readonly packedKey?: string;
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
};

async function ensureFile(parts: LoadParts, wanted: Wanted, signal: AbortSignal): Promise<void> {
  const isHere = (await stat(wanted.path).catch(() => undefined)) !== undefined;
  if (isHere || parts.remote === undefined) return await parts.verified.require(wanted.path, wanted, signal);
  await fetchFile(parts, parts.remote, wanted, signal);
}

/** Whole and right, or not at all. */
async function fetchFile(parts: LoadParts, remote: ObjectStore, wanted: Wanted, signal: AbortSignal): Promise<void> {
  const draft = join(parts.layout.staging, crypto.randomUUID());
  try {
    if (!(await fetchPacked(remote, wanted, draft, signal))) {
      await remote.getFile({ key: wanted.key, path: draft }, signal);
      await parts.verified.require(draft, wanted, signal).catch((thrown: unknown) => {
        // Under the name that it has in the store, not under that of the draft.
        if (isFault(thrown, "storage_corrupt"))
          throw storageFaults.corrupt({ key: wanted.key, reason: String(thrown.facts.reason) }, thrown);
        throw thrown;
      });
    }
    await syncPath(draft);
    await rename(draft, wanted.path);
    await parts.verified.trust(wanted.path, wanted.sha256);
  } finally {
    await rm(draft, { force: true });
  }
}

/** @returns false when it is not there packed, as what older releases have put */
async function fetchPacked(remote: ObjectStore, wanted: Wanted, to: string, signal: AbortSignal): Promise<boolean> {
  const { packedKey: key, sizeBytes, sha256 } = wanted;
  if (key === undefined) return false;
  const from = `${to}.zst`;
  try {
    const isThere = await remote.getFile({ key, path: from }, signal).then(
      () => true,
      (thrown: unknown) => {
        if (isFault(thrown, "storage_missing")) return false;
        throw thrown;
      },
    );
    if (!isThere) return false;
    const found = await unpackFile({ from, to, key, sizeBytes }, signal);
    if (found.sizeBytes !== sizeBytes)
      throw storageFaults.corrupt({ key, reason: `${found.sizeBytes} bytes, and not ${sizeBytes}` });
    if (found.sha256 !== sha256) throw storageFaults.corrupt({ key, reason: `its SHA-256 is ${found.sha256}` });
    return true;
  } finally {
    await rm(from, { force: true });
  }
}

async function ensureMemory(
  parts: LoadParts,
  manifest: BuildManifest,
  dir: string,
  signal: AbortSignal,
): Promise<void> {
  if (manifest.memory === undefined) return;
  await mkdir(dir, { recursive: true, mode: 0o755 });
  for (const file of manifest.memory.files) {
    const { buildId } = manifest;
    const keys = { key: KEYS.memory(buildId, file.name), packedKey: KEYS.packed(buildId, file.name) };
    const wanted = { ...keys, path: join(dir, file.name), ...file };
    await ensureFile(parts, wanted, signal);
  }
}

async function ensureGuestLayer(parts: LoadParts, name: string, signal: AbortSignal): Promise<void> {
  const { layout, remote } = parts;
  if ((await stat(layout.guestLayer(name)).catch(() => undefined)) !== undefined) return;
  if (remote === undefined) throw storageFaults.missing({ key: `guest/${name}` });
  await fetchGuestLayer({ layout, remote, name }, signal);
}

/** The directory gets its name when all of it is there, as in a commit. */
async function placeFetched(parts: LoadParts, manifest: BuildManifest, signal: AbortSignal): Promise<void> {
  const { layout, remote } = parts;
  const draft = join(layout.staging, crypto.randomUUID());
  await mkdir(draft, { mode: 0o755 });
  try {
    if (manifest.memory !== undefined) {
      await ensureMemory(parts, manifest, join(draft, "memory"), signal);
      await syncPath(join(draft, "memory"));
    }
    if (remote !== undefined) await markInStore(draft, remote.name);
    await writeDurably(join(draft, "build.json"), formatManifest(manifest));
    await rm(layout.build(manifest.buildId), { recursive: true, force: true });
    await rename(draft, layout.build(manifest.buildId));
    await syncPath(layout.builds);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  for (const { name, sha256 } of manifest.memory?.files ?? [])
    await parts.verified.trust(layout.memory(manifest.buildId, name), sha256);
}
