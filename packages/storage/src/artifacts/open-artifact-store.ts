/** The artifact store of a node: a directory, and an object store behind it when there is one. */
import { chmod, mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { KeyedLock } from "@sandlot/lifetime";
import { type Logger, silentLogger } from "@sandlot/telemetry";
import type { ArtifactStore } from "../artifact-store";
import { isBuildId, KEYS } from "../names";
import type { ObjectStore } from "../object-store";
import { collectFiles } from "./collect";
import type { CollectRules } from "./collect-remote";
import { type CommitStep, commitBuild } from "./commit";
import { Holds } from "./holds";
import { layoutOf } from "./layout";
import { loadBuild } from "./load";
import { RemoteWork } from "./remote-work";
import { emptyStaging, stageBuild } from "./stage";
import { Verified } from "./verified";

export type OpenArtifactStore = {
  /** `artifacts` of the installation. One process opens it at a time; who installs `base` only adds to it. */
  readonly directory: string;
  /** Where builds go for other nodes. It is closed by whoever opened it. */
  readonly remote?: ObjectStore | undefined;
  readonly logger?: Logger;
  /** For tests: time, rests between tries, when layers in the object store are collected, and what happens after each step of a commit. */
  readonly nowMs?: () => number;
  readonly restsMs?: readonly number[];
  readonly collectRules?: CollectRules;
  readonly onCommitStep?: (step: CommitStep) => void;
};

/** Empties the staging place and goes on with uploads that an earlier run has not finished. */
export async function openArtifactStore(of: OpenArtifactStore): Promise<ArtifactStore> {
  const layout = layoutOf(of.directory);
  const { builds, layers, guest, staging, verified: markers, pending } = layout;
  for (const directory of [builds, layers, guest, staging, markers, pending])
    await mkdir(directory, { recursive: true, mode: 0o755 });
  await chmod(of.directory, 0o700); // what sandboxes have written, and their memory, is for no other user of the host
  await emptyStaging(layout);
  const { remote, logger = silentLogger } = of;
  const holds = new Holds();
  const verified = new Verified(layout);
  const loads = new KeyedLock();
  const work = remote === undefined ? undefined : new RemoteWork({ layout, holds, remote, logger, ...choices(of) });
  await work?.start();

  async function isCommitted(buildId: string): Promise<boolean> {
    return (await stat(layout.manifest(buildId)).catch(() => undefined)) !== undefined;
  }

  return {
    stage: ({ layers: named = [] } = {}) => stageBuild({ layout, holds, layers: named }),
    async commit(request) {
      const written = await commitBuild({ layout, holds, verified }, request, of.onCommitStep);
      work?.committed();
      return written;
    },
    load: (buildId, signal) =>
      loads.run(buildId, () => {
        const reach = work?.isRemoving(buildId) ? undefined : remote;
        return loadBuild({ layout, holds, verified, remote: reach }, buildId, signal);
      }),
    async has(buildId, signal) {
      if (!isBuildId(buildId)) return false;
      if (await isCommitted(buildId)) return true;
      if (remote === undefined || work?.isRemoving(buildId)) return false;
      return (await remote.head(KEYS.manifest(buildId), signal)) !== undefined;
    },
    async remove(buildIds) {
      for (const buildId of buildIds.filter(isBuildId)) {
        await work?.removeSoon(buildId);
        const aside = join(staging, crypto.randomUUID());
        // Not in a load's way: who has read the manifest finds its files, or none of them.
        await loads.run(buildId, () => rename(layout.build(buildId), aside).catch(() => undefined));
        await rm(aside, { recursive: true, force: true });
      }
    },
    async collect(pinned) {
      const bytes = await collectFiles({ layout, holds, pinned, nowMs: (of.nowMs ?? Date.now)() });
      await verified.prune();
      return bytes;
    },
    get pendingUploads() {
      return work?.pendingUploads ?? 0;
    },
    async [Symbol.asyncDispose]() {
      await work?.[Symbol.asyncDispose]();
    },
  };
}

function choices(of: OpenArtifactStore): { restsMs?: readonly number[]; collectRules?: CollectRules } {
  return {
    ...(of.restsMs === undefined ? {} : { restsMs: of.restsMs }),
    ...(of.collectRules === undefined ? {} : { collectRules: of.collectRules }),
  };
}
