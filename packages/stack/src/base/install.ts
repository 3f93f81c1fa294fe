/** Puts the sealed base into an installation's artifacts, as a build that nodes can start machines from. */
import { copyFileSync, existsSync, linkSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeJson } from "../json-file";
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
export function installBase(of: { artifacts: string; recipe: BaseRecipe; base: SealedBase }): { buildId: string } {
  const buildId = baseBuildId(of.recipe, of.base);
  const layer = `layers/${of.base.sha256}.erofs`;
  const target = join(of.artifacts, layer);
  mkdirSync(join(of.artifacts, "layers"), { recursive: true });
  if (!existsSync(target)) placeFile(of.base.layerPath, target);
  const dir = join(of.artifacts, "builds", buildId);
  mkdirSync(dir, { recursive: true });
  const { user, workdir } = of.recipe;
  writeJson(join(dir, "build.json"), {
    version: 1,
    buildId,
    layers: [layer],
    user,
    workdir,
    envdVersion: ENVD_VERSION,
  });
  return { buildId };
}

function placeFile(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EXDEV") throw thrown;
    const draft = `${to}.new`;
    rmSync(draft, { force: true });
    copyFileSync(from, draft);
    renameSync(draft, to);
  }
}
