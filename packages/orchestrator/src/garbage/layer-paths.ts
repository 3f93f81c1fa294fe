import { join } from "node:path";
import type { BuildManifest } from "@sandlot/storage";

/** Where a store below `artifactsPath` keeps these layers. */
export function layerPathsOf(artifactsPath: string, layers: BuildManifest["layers"]): string[] {
  return layers.map(({ sha256, kind }) => join(artifactsPath, "layers", `${sha256}.${kind ?? "erofs"}`));
}
