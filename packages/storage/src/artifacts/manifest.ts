/** `build.json`: what it says, read from all versions there are. Pure but for the sizes that version 1 does not tell. */
import type { BuildManifest, DiskKind, ManifestFile, ManifestLayer, RuntimeName } from "../artifact-store";
import { storageFaults } from "../faults";
import { isFileName, KEYS, SHA256 } from "../names";

const DISK_KINDS: readonly DiskKind[] = ["qcow2", "raw-diff"];
const RUNTIMES = ["container", "qemu", "firecracker"] as const;

/** A manifest as read; `sizeBytes` of version 1's layers is −1, for it said none. */
export function parseManifest(buildId: string, text: string): BuildManifest {
  const broken = (reason: string, cause?: unknown) =>
    storageFaults.corrupt({ key: KEYS.manifest(buildId), reason }, cause);
  let found: Record<string, unknown> | null;
  try {
    found = JSON.parse(text) as Record<string, unknown> | null;
  } catch (thrown) {
    throw broken("not JSON", thrown);
  }
  if (found === null || typeof found !== "object" || Array.isArray(found)) throw broken("not an object");
  if (![1, 2, 3].includes(found.version as number)) throw broken(`version ${String(found.version)} is not 1, 2 or 3`);
  if (found.version !== 1 && found.buildId !== buildId) throw broken(`it is of build ${String(found.buildId)}`);
  const layers = found.version === 1 ? oldLayers(found.layers) : layersOf(found.layers);
  if (layers === undefined || layers.length === 0) throw broken("its layers are no list of layers");
  const memory = found.memory === undefined ? undefined : memoryOf(found.memory);
  if (found.memory !== undefined && memory === undefined) throw broken("its memory is not described as memory is");
  const runtimes = found.runtimes === undefined ? undefined : runtimesOf(found.runtimes);
  // What a newer release could run it on is not guessed at.
  if (found.runtimes !== undefined && runtimes === undefined) throw broken("its runtimes are not known here");
  const { user, workdir, startCmd, readyCmd, kernel } = found;
  return {
    version: 2,
    buildId,
    createdAt: typeof found.createdAt === "string" ? found.createdAt : new Date(0).toISOString(),
    layers,
    ...(runtimes === undefined ? {} : { runtimes }),
    ...(isText(kernel) ? { kernel } : {}),
    ...(memory === undefined ? {} : { memory }),
    user: isText(user) ? user : "user",
    workdir: isText(workdir) ? workdir : "/home/user",
    envs: textMap(found.envs),
    ...(isText(startCmd) ? { startCmd } : {}),
    ...(isText(readyCmd) ? { readyCmd } : {}),
    envdVersion: isText(found.envdVersion) ? found.envdVersion : "",
  };
}

/** What a build's memory takes on the disk, in bytes. A file that it shares with the seal before it counts here as well. */
export function storedMemoryBytes({ memory }: BuildManifest): number {
  return (memory?.files ?? []).reduce((sum, { sizeBytes, storedBytes }) => sum + (storedBytes ?? sizeBytes), 0);
}

/** Version 3 only where it must be: builds of erofs layers alone can be read by releases from before there were kinds. */
export function formatManifest(manifest: BuildManifest): string {
  const version = manifest.layers.some(({ kind }) => kind !== undefined) ? 3 : 2;
  return `${JSON.stringify({ ...manifest, version }, null, 2)}\n`;
}

/** Version 1 named paths, and only ever those of layers named by their content. */
function oldLayers(found: unknown): BuildManifest["layers"] | undefined {
  if (!Array.isArray(found)) return undefined;
  const names = found.map((path) => /^layers\/([A-Za-z0-9]{1,64})\.erofs$/.exec(String(path))?.[1]);
  return names.every((name) => name !== undefined) ? names.map((sha256) => ({ sha256, sizeBytes: -1 })) : undefined;
}

function layersOf(found: unknown): BuildManifest["layers"] | undefined {
  if (!Array.isArray(found)) return undefined;
  const isLayer = (one: unknown): one is ManifestLayer =>
    isObject(one) &&
    typeof one.sha256 === "string" &&
    SHA256.test(one.sha256) &&
    isSize(one.sizeBytes) &&
    (one.kind === undefined || DISK_KINDS.some((kind) => kind === one.kind));
  if (!found.every(isLayer)) return undefined;
  return found.map(({ sha256, sizeBytes, kind }) => ({ sha256, sizeBytes, ...(kind === undefined ? {} : { kind }) }));
}

/** At least one, each of them known. */
function runtimesOf(found: unknown): RuntimeName[] | undefined {
  if (!Array.isArray(found) || found.length === 0) return undefined;
  const known = RUNTIMES.filter((name) => found.includes(name));
  return known.length === found.length ? known : undefined;
}

function memoryOf(found: unknown): BuildManifest["memory"] | undefined {
  if (!isObject(found)) return undefined;
  const { format, files, guestLayer } = found;
  const runtime = RUNTIMES.find((name) => name === found.runtime);
  if (runtime === undefined || !isText(format) || !isText(guestLayer) || !isFileName(guestLayer)) return undefined;
  if (!Array.isArray(files) || !files.every(isManifestFile)) return undefined;
  return {
    runtime,
    format,
    files: files.map(({ name, sizeBytes, sha256, storedBytes }) => ({
      ...{ name, sizeBytes, sha256 },
      ...(isSize(storedBytes) ? { storedBytes } : {}),
    })),
    guestLayer,
  };
}

function isManifestFile(found: unknown): found is ManifestFile {
  return (
    isObject(found) &&
    isText(found.name) &&
    isFileName(found.name) &&
    isSize(found.sizeBytes) &&
    typeof found.sha256 === "string" &&
    SHA256.test(found.sha256)
  );
}

function textMap(found: unknown): Record<string, string> {
  if (!isObject(found)) return {};
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

const isObject = (found: unknown): found is Record<string, unknown> =>
  typeof found === "object" && found !== null && !Array.isArray(found);
const isText = (found: unknown): found is string => typeof found === "string" && found !== "";
const isSize = (found: unknown): found is number => Number.isSafeInteger(found) && (found as number) >= 0;
