/** Names of cached layers: a hash of what they were made of, each on top of the one before (behaviour §5.2). Pure. */
import { createHash } from "node:crypto";
import type { RecipeBase, RecipeStep } from "../recipe";

/** Raise it when layers of before must not be used any more. */
const INDEX_VERSION = "sandlot-1";

/** @param provision fingerprint of what is done to a fresh image */
export function baseKey(base: RecipeBase, provision: string): string {
  if (base.kind === "template") return hash(INDEX_VERSION, `template:${base.buildId}`);
  return hash(INDEX_VERSION, provision, base.reference);
}

export function stepKey(before: string, { type, args, filesHash }: RecipeStep): string {
  return hash(before, type.toUpperCase(), args.join(" "), filesHash ?? "");
}

function hash(base: string, ...parts: readonly string[]): string {
  return createHash("sha256")
    .update([base, ...parts].join(";"))
    .digest("hex");
}
