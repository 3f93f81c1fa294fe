/** Puts the sealed base into an installation's artifacts, as a build that nodes can start machines from. */
import { statSync } from "node:fs";
import { installBuild } from "@sandlot/storage";
import type { SealedBase } from "./build";
import type { BaseRecipe } from "./recipe";

export const ENVD_VERSION = "0.6.13";

/** Size of a sandbox from `base`; design §5. */
export const BASE_SHAPE = { cpuCount: 2, memoryMiB: 1024, diskMiB: 10_240 } as const;

/** The build's id: a UUID made of the recipe's key and the layer, so that the same content has the same id everywhere. */
export function baseBuildId(recipe: Pick<BaseRecipe, "key">, base: Pick<SealedBase, "sha256">): string {
  const hex = `${recipe.key.slice(0, 12)}4${recipe.key.slice(13, 16)}8${base.sha256.slice(0, 15)}`;
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}

/** Idempotent; costs a hard link, or a copy when the machine's cache lies on another file system. */
export async function installBase(of: {
  artifacts: string;
  recipe: Pick<BaseRecipe, "key" | "user" | "workdir">;
  base: SealedBase;
}): Promise<{ buildId: string }> {
  const { recipe, base } = of;
  const buildId = baseBuildId(recipe, base);
  const manifest = {
    version: 2,
    buildId,
    createdAt: new Date().toISOString(),
    layers: [{ sha256: base.sha256, sizeBytes: statSync(base.layerPath).size }],
    user: recipe.user,
    workdir: recipe.workdir,
    envs: {},
    envdVersion: ENVD_VERSION,
  } as const;
  await installBuild({ directory: of.artifacts, manifest, layerPath: base.layerPath });
  return { buildId };
}
