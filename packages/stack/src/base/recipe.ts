/** The base template's recipe and the one hash that decides whether it must be built again. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import { debianSources, readAptConf } from "@sandlot/host";
import { CHECKOUT } from "../paths";

export type BaseRecipe = {
  readonly suite: string;
  readonly user: string;
  readonly workdir: string;
  readonly packages: readonly string[];
  /** One-line apt sources, the host's own mirror first. */
  readonly sources: readonly string[];
  /** `Acquire` settings that the host's apt needs to reach its mirror, and so apt inside does too. */
  readonly aptConf: readonly string[];
  readonly customize: string;
  readonly npmDir: string;
  /** Names the build: same inputs, same key. */
  readonly key: string;
};

/** Raise when the builder itself makes another tree of the same inputs. */
const BUILDER_VERSION = 2;

/** Reads `templates/base` and the host's apt settings. */
export async function loadBaseRecipe(): Promise<BaseRecipe> {
  const dir = join(CHECKOUT, "templates/base");
  const recipe = JSON.parse(readFileSync(join(dir, "recipe.json"), "utf8")) as Pick<
    BaseRecipe,
    "suite" | "user" | "workdir" | "packages"
  >;
  const customize = join(dir, "customize.sh");
  const npmDir = join(CHECKOUT, "packages/stack/node_modules/npm");
  const npm = JSON.parse(readFileSync(join(npmDir, "package.json"), "utf8")) as { version: string };
  const sources = debianSources(recipe.suite);
  const aptConf = await readAptConf();
  const inputs = [BUILDER_VERSION, arch(), recipe, readFileSync(customize, "utf8"), npm.version, sources, aptConf];
  const key = createHash("sha256").update(JSON.stringify(inputs)).digest("hex");
  return { ...recipe, sources, aptConf, customize, npmDir, key };
}
