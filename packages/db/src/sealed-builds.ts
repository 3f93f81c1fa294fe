/** Builds that sandboxes were sealed into, by a pause or a checkpoint, and which of them nothing refers to any more. */
import type { RuntimeName } from "@sandlot/domain";
import type { Queries } from "./database";
import { addSealedBuild } from "./gen/add-sealed-build";
import { deleteBuild } from "./gen/delete-build";
import { failSealedBuild } from "./gen/fail-sealed-build";
import { finishSealedBuild } from "./gen/finish-sealed-build";
import { listLooseBuilds } from "./gen/list-loose-builds";
import { releaseBuild } from "./gen/release-build";

export type SealedBuild = {
  readonly buildId: string;
  readonly madeBy: "pause" | "checkpoint";
  readonly hasMemory: boolean;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  readonly envdVersion: string;
  /** Where its files are. */
  readonly nodeId: string;
  /** What it ran on; it runs nowhere else. */
  readonly runtime: RuntimeName;
  /** Of a virtual machine; empty otherwise. */
  readonly kernelVersion: string;
};
export type SealedSize = { readonly diskBytes: bigint; readonly memoryBytes: bigint };

/**
 * Notes a build before its node is asked for it.
 * @param holdS how long it is kept although nothing refers to it, in seconds
 */
export async function noteSealedBuild(db: Queries, build: SealedBuild, holdS: number): Promise<void> {
  const { runtime, ...rest } = build;
  await db.run(addSealedBuild, { ...rest, runtimes: [runtime], holdS });
}

export async function noteSealed(db: Queries, of: { buildId: string; size: SealedSize }): Promise<void> {
  const { diskBytes, memoryBytes } = of.size;
  await db.run(finishSealedBuild, {
    buildId: of.buildId,
    diskBytes: diskBytes.toString(),
    memoryBytes: memoryBytes.toString(),
  });
}

export async function noteSealFailed(db: Queries, of: { buildId: string; why: string }): Promise<void> {
  await db.run(failSealedBuild, { buildId: of.buildId, reason: { message: of.why } });
}

/** From now on the build is kept only as long as something refers to it. */
export async function letGoOfBuild(db: Queries, buildId: string): Promise<void> {
  await db.run(releaseBuild, { buildId });
}

export type LooseBuild = { readonly buildId: string; readonly nodeId: string | undefined };

/** Oldest first. */
export async function readLooseBuilds(db: Queries, limit: number): Promise<LooseBuild[]> {
  const rows = await db.run(listLooseBuilds, { limit });
  return rows.map(({ buildId, nodeId }) => ({ buildId, nodeId: nodeId ?? undefined }));
}

/** Once its files are gone. */
export async function forgetBuild(db: Queries, buildId: string): Promise<void> {
  await db.run(deleteBuild, { buildId });
}
