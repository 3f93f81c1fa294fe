/** Recipes of templates as files: those of this checkout by name, others by path. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { CHECKOUT } from "@sandlot/stack";
import { cliFaults } from "../faults";

export type FileStep = {
  readonly type: string;
  readonly args?: readonly string[];
  /** Of COPY: a folder whose files are uploaded; of a shipped recipe in the checkout, of another beside the recipe. */
  readonly context?: string;
  readonly force?: boolean;
};

export type FileRecipe = {
  readonly name: string;
  readonly cpuCount?: number;
  readonly memoryMB?: number;
  readonly fromTemplate?: string;
  readonly fromImage?: string;
  readonly steps: readonly FileStep[];
  readonly startCmd?: string;
  readonly readyCmd?: string;
};

export type FoundRecipe = {
  readonly recipe: FileRecipe;
  /** Where contexts lie. */
  readonly contextRoot: string;
  readonly isShipped: boolean;
};

/**
 * @param wanted name of a folder below `templates/`, or the path of a recipe
 * @throws Fault `cli_recipe_bad`
 */
export function loadRecipe(wanted: string): FoundRecipe {
  const bad = (why: string, cause?: unknown) => cliFaults.recipe_bad({ wanted, why }, cause);
  const shipped = join(CHECKOUT, "templates", wanted, "recipe.json");
  const isShipped = /^[a-z0-9-]+$/.test(wanted) && existsSync(shipped);
  const given = resolve(wanted);
  const path = isShipped ? shipped : existsSync(join(given, "recipe.json")) ? join(given, "recipe.json") : given;
  let parsed: Partial<FileRecipe>;
  try {
    parsed = JSON.parse(readFileSync(path, "utf8"));
  } catch (thrown) {
    throw bad("there is no such template, nor a recipe.json of that path that can be read", thrown);
  }
  const { name, steps } = parsed;
  if (typeof name !== "string" || !Array.isArray(steps) || !steps.every((step) => typeof step?.type === "string"))
    throw bad(isShipped ? "it is made by up itself" : "a recipe has a name and a list of steps");
  return { recipe: { ...parsed, name, steps }, contextRoot: isShipped ? CHECKOUT : dirname(path), isShipped };
}

/** @throws Fault `cli_recipe_bad` when the step's folder is not there */
export function contextOf(step: FileStep, { contextRoot }: FoundRecipe): string | undefined {
  if (step.context === undefined) return undefined;
  const path = isAbsolute(step.context) ? step.context : join(contextRoot, step.context);
  if (!existsSync(path))
    throw cliFaults.recipe_bad({ wanted: step.context, why: "a COPY step names a folder that is not there" });
  return path;
}
