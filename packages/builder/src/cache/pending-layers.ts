/**
 * Layers that are being committed and that no index names yet, written down before they are made: what a killed builder
 * leaves of them is removed at its next start.
 */
import type { ArtifactStore, ObjectStore } from "@sandlot/storage";
import { limits } from "../limits";

export type PendingLayers = {
  /** Before the commit. */
  begin(buildId: string): Promise<void>;
  /** Once the index names it, or it has been removed again. */
  end(buildId: string): Promise<void>;
  /** At the start, before any build: removes what earlier runs left. @returns how many */
  sweep(artifacts: ArtifactStore): Promise<number>;
};

/** @param nodeId builders may share a bucket: each sweeps its own */
export function openPendingLayers(store: ObjectStore, nodeId: string): PendingLayers {
  const home = `pending-layers/${nodeId.replaceAll(/[^A-Za-z0-9_-]/g, "_")}/`;
  const signal = (): AbortSignal => AbortSignal.timeout(limits.lookMs);
  return {
    begin: (buildId) => store.putBytes({ key: home + buildId, bytes: new Uint8Array(1) }, signal()),
    end: (buildId) => store.remove(home + buildId, signal()),
    async sweep(artifacts) {
      const found: string[] = [];
      for await (const { key } of store.list(home, signal())) found.push(key.slice(home.length));
      if (found.length > 0) await artifacts.remove(found, signal());
      for (const buildId of found) await store.remove(home + buildId, signal());
      return found.length;
    },
  };
}
