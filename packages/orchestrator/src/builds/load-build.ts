import { access, readFile } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import type { LayerRef, SealedBuild } from "@sandlot/runtime-contract";
import { nodeFaults } from "../faults";

/** A sealed build and what its sandboxes start with. */
export type LoadedBuild = {
  readonly sealed: SealedBuild;
  readonly defaultUser: string;
  readonly defaultWorkdir: string;
};

export type BuildPlaces = { readonly artifactsPath: string };

const BUILD_ID = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/**
 * Reads a build's record and makes sure that all its layers are there. The runtime puts the guest layer on top.
 * Not cached: a cold start costs a hundred times more, and files may vanish.
 * @throws Fault `node_files_missing` when the record or a layer is not there, `node_build_broken` when it cannot be understood
 */
export async function loadBuild(places: BuildPlaces, buildId: string): Promise<LoadedBuild> {
  if (!BUILD_ID.test(buildId)) throw nodeFaults.files_missing({ buildId });
  const path = join(places.artifactsPath, "builds", buildId, "build.json");
  const text = await readFile(path, "utf8").catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === "ENOENT" || thrown.code === "ENOTDIR") throw nodeFaults.files_missing({ buildId }, thrown);
    throw thrown;
  });
  const record = parseRecord(buildId, text);
  const layers = record.layers.map((layer) => layerOf(places.artifactsPath, buildId, layer));
  for (const { path: layerPath } of layers)
    await access(layerPath).catch((thrown) => {
      throw nodeFaults.files_missing({ buildId }, thrown);
    });
  return {
    sealed: { buildId, layers },
    defaultUser: record.user,
    defaultWorkdir: record.workdir,
  };
}

type BuildRecord = { readonly layers: readonly string[]; readonly user: string; readonly workdir: string };

function parseRecord(buildId: string, text: string): BuildRecord {
  const broken = (reason: string, cause?: unknown) => nodeFaults.build_broken({ buildId, reason }, cause);
  let parsed: { version?: unknown; layers?: unknown; user?: unknown; workdir?: unknown } | null;
  try {
    parsed = JSON.parse(text);
  } catch (thrown) {
    throw broken("not JSON", thrown);
  }
  if (parsed?.version !== 1) throw broken(`version ${String(parsed?.version)} is not 1`);
  const { layers, user, workdir } = parsed;
  if (!Array.isArray(layers) || layers.length === 0 || !layers.every((layer) => typeof layer === "string"))
    throw broken("layers must be a list of paths");
  return {
    layers,
    user: typeof user === "string" && user !== "" ? user : "user",
    workdir: typeof workdir === "string" && workdir !== "" ? workdir : "/home/user",
  };
}

function layerOf(artifactsPath: string, buildId: string, layer: string): LayerRef {
  const root = resolve(artifactsPath);
  const path = resolve(root, layer);
  if (!path.startsWith(root + sep))
    throw nodeFaults.build_broken({ buildId, reason: `layer ${layer} lies outside of the store` });
  return { kind: path.endsWith(".erofs") ? "erofs" : "directory", path };
}
