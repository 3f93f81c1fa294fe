import { isFault } from "@sandlot/faults";
import type { ArtifactStore, LoadedBuild } from "@sandlot/storage";
import { nodeFaults } from "../faults";

/**
 * A build with all its files here and whole.
 * @throws Fault `node_files_missing` when it or a file of it is nowhere, `node_build_broken` when it is damaged
 */
export async function loadBuild(
  store: Pick<ArtifactStore, "load">,
  buildId: string,
  signal: AbortSignal,
): Promise<LoadedBuild> {
  try {
    return await store.load(buildId, signal);
  } catch (thrown) {
    if (isFault(thrown, "storage_missing") || isFault(thrown, "storage_bad_key"))
      throw nodeFaults.files_missing({ buildId }, thrown);
    if (isFault(thrown, "storage_corrupt")) throw nodeFaults.build_broken({ buildId, reason: thrown.message }, thrown);
    throw thrown;
  }
}
