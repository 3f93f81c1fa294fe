import { stat } from "node:fs/promises";
import type { BuildManifest, LoadedBuild } from "@sandlot/storage";

/** What a machine was started from, as far as a seal of it carries it over. Outlives the build's own removal. */
export type BuildOrigin = Pick<
  BuildManifest,
  "layers" | "user" | "workdir" | "envs" | "startCmd" | "readyCmd" | "envdVersion"
>;

/** Manifests of version 1 say no sizes; their layers are here and have some. */
export async function originOf({ manifest, layerPaths }: LoadedBuild): Promise<BuildOrigin> {
  const { user, workdir, envs, startCmd, readyCmd, envdVersion } = manifest;
  const layers = manifest.layers.map(async ({ sizeBytes, ...layer }, index) => ({
    ...layer,
    sizeBytes: sizeBytes >= 0 ? sizeBytes : (await stat(layerPaths[index] ?? "")).size,
  }));
  return {
    layers: await Promise.all(layers),
    user,
    workdir,
    envs,
    ...(startCmd === undefined ? {} : { startCmd }),
    ...(readyCmd === undefined ? {} : { readyCmd }),
    envdVersion,
  };
}
