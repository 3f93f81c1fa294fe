/** Names of cached layers: a hash of what they were made of, each on top of the one before (behaviour §5.2). Pure. */
import { createHash } from "node:crypto";
import type { RuntimeName } from "@sandlot/storage";
import type { RecipeBase, RecipeStep } from "../recipe";

/** Raise it when layers of before must not be used any more. */
const INDEX_VERSION = "sandlot-1";

/**
 * @param of.provision fingerprint of what is done to a fresh image
 * @param of.runtime what the steps' machine is made by: layers of virtual machines are theirs alone
 */
export function baseKey(base: RecipeBase, of: { provision: string; runtime: RuntimeName }): string {
  const whose = of.runtime === "container" ? [] : [`on:${of.runtime}`];
  if (base.kind === "template") return hash(INDEX_VERSION, `template:${base.buildId}`, ...whose);
  return hash(INDEX_VERSION, of.provision, base.reference, ...whose);
}

export function stepKey(before: string, { type, args, filesHash }: RecipeStep): string {
  return hash(before, type.toUpperCase(), args.join(" "), filesHash ?? "");
}

function hash(base: string, ...parts: readonly string[]): string {
  return createHash("sha256")
    .update([base, ...parts].join(";"))
    .digest("hex");
}
