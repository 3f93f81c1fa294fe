/** Which artifact a machine of a runtime is started from. */

import { RUNTIME_NAMES } from "@sandlot/domain";
import {
  type ArtifactStore,
  type BuildManifest,
  type LoadedBuild,
  type RuntimeName,
  variantId,
} from "@sandlot/storage";
import { nodeFaults } from "../faults";
import { loadBuild } from "./load-build";

/** Of a build, and all that was baked of it: they are removed together. */
export function withVariants(buildIds: readonly string[]): string[] {
  const others = RUNTIME_NAMES.filter((name) => name !== "container");
  return buildIds.flatMap((buildId) => [buildId, ...others.map((name) => variantId(buildId, name))]);
}

/** A build of before there was a choice is one of containers. */
export function runtimesOf(manifest: Pick<BuildManifest, "runtimes">): readonly RuntimeName[] {
  return manifest.runtimes ?? ["container"];
}

/**
 * What was baked of the build for the runtime, else the build itself if it says that it runs there.
 * @throws Fault `node_build_other_runtime`, `node_files_missing`, `node_build_broken`
 */
export async function loadForRuntime(
  store: Pick<ArtifactStore, "load" | "has">,
  { buildId, runtime }: { buildId: string; runtime: RuntimeName },
  signal: AbortSignal,
): Promise<LoadedBuild> {
  const variant = variantId(buildId, runtime);
  if (runtime !== "container" && (await store.has(variant, signal))) return await loadBuild(store, variant, signal);
  const build = await loadBuild(store, buildId, signal);
  const possible = runtimesOf(build.manifest);
  if (!possible.includes(runtime))
    throw nodeFaults.build_other_runtime({ buildId, runtime, possible: possible.join(", ") });
  return build;
}
