import type { RuntimeName } from "./artifact-store";

/** Where lies what was made of a template for another runtime than that of its own layers: a build of its own, beside it. */
export function variantId(buildId: string, runtime: RuntimeName): string {
  return `${buildId}.${runtime}`;
}
