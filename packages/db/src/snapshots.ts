/** What is kept of sandboxes that were paused. PostgreSQL decides: a sandbox is resumed by whoever claims its row. */
import { randomBytes } from "node:crypto";
import { newTemplateId } from "@sandlot/domain";
import type { Database, Queries } from "./database";
import { addSnapshot } from "./gen/add-snapshot";
import { addSnapshotEnv } from "./gen/add-snapshot-env";
import { assignOnlyBuild } from "./gen/assign-only-build";
import { claimResume } from "./gen/claim-resume";
import { dropFirstPause } from "./gen/drop-first-pause";
import { findSnapshot } from "./gen/find-snapshot";
import { findSnapshotEnv } from "./gen/find-snapshot-env";
import { finishPause } from "./gen/finish-pause";
import { forgetSnapshot } from "./gen/forget-snapshot";
import { listPaused } from "./gen/list-paused";
import { listUnsettledSnapshots } from "./gen/list-unsettled-snapshots";
import { noteLive } from "./gen/note-live";
import { settleLive } from "./gen/settle-live";
import { undoPause } from "./gen/undo-pause";
import { noteSealed, noteSealedBuild, noteSealFailed, type SealedBuild, type SealedSize } from "./sealed-builds";

export type SnapshotState = "pausing" | "paused" | "live";

/** What a resume inherits beside the columns; stored as it is. */
export type SnapshotConfig = Readonly<Record<string, unknown>>;

export type KeptSandbox = {
  readonly sandboxId: string;
  readonly teamId: string;
  readonly templateId: string;
  /** The run that is being paused, was paused last, or lives. */
  readonly executionId: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly isSecure: boolean;
  readonly nodeId: string;
  readonly allowInternetAccess: boolean | null;
  readonly autoPause: boolean;
  readonly startedAtMs: number;
  readonly config: SnapshotConfig;
};

export type Snapshot = KeptSandbox & {
  readonly state: SnapshotState;
  /** What a resume starts from; there is none while a first pause is under way. */
  readonly buildId: string | undefined;
  readonly pausingBuildId: string | undefined;
  readonly hasMemory: boolean;
  /** Of the pause under way. */
  readonly pausingHasMemory: boolean;
  /** The node that has the build's files. */
  readonly builtOn: string | undefined;
  readonly pausedAtMs: number | undefined;
};

type Row = {
  [K in keyof Omit<KeptSandbox, "templateId" | "startedAtMs" | "metadata" | "config">]: KeptSandbox[K];
} & {
  baseEnvId: string;
  state: string;
  buildId: string | null;
  pausingBuildId: string | null;
  hasMemory: boolean;
  pausingHasMemory: boolean;
  builtOn: string | null;
  startedAt: Date;
  pausedAt: Date | null;
  metadata: unknown;
  config: unknown;
};

function toSnapshot(row: Row): Snapshot {
  const { baseEnvId: templateId, startedAt, pausedAt, buildId, pausingBuildId, builtOn, ...rest } = row;
  return {
    ...rest,
    templateId,
    state: row.state as SnapshotState,
    buildId: buildId ?? undefined,
    pausingBuildId: pausingBuildId ?? undefined,
    builtOn: builtOn ?? undefined,
    startedAtMs: startedAt.getTime(),
    pausedAtMs: pausedAt?.getTime(),
    metadata: row.metadata as Snapshot["metadata"],
    config: row.config as SnapshotConfig,
  };
}

type Json = Parameters<typeof addSnapshot.run>[0]["config"];

/** Writes down, before the node is asked, what is being paused and under which build; the row itself keeps the build. */
export async function beginPause(
  db: Database,
  { kept, build }: { kept: KeptSandbox; build: SealedBuild },
): Promise<void> {
  const { templateId: baseEnvId, metadata, config, ...rest } = kept;
  await db.transaction(async (queries) => {
    await noteSealedBuild(queries, build, 0);
    const [found] = await queries.run(findSnapshotEnv, { sandboxId: kept.sandboxId });
    const envId = found?.envId ?? newTemplateId((sizeBytes) => randomBytes(sizeBytes));
    if (found === undefined) await queries.run(addSnapshotEnv, { envId, teamId: kept.teamId, source: "snapshot" });
    const json = { metadata: metadata as Json, config: config as Json };
    await queries.run(addSnapshot, { ...rest, ...json, envId, baseEnvId, buildId: build.buildId });
  });
}

/** The seal is on the disk. @returns false when this pause is not the one under way: nothing was changed then */
export async function completePause(
  db: Database,
  { sandboxId, buildId, size }: { sandboxId: string; buildId: string; size: SealedSize },
): Promise<boolean> {
  return db.transaction(async (queries) => {
    const [row] = await queries.run(finishPause, { sandboxId, buildId });
    if (row === undefined) return false;
    await noteSealed(queries, { buildId, size });
    await queries.run(assignOnlyBuild, { envId: row.envId, buildId });
    return true;
  });
}

/** The pause came to nothing. @param isAlive whether the sandbox runs on; else it is what its last pause has kept, if anything */
export async function undoPauseOf(
  db: Database,
  of: { sandboxId: string; buildId: string; isAlive: boolean; why: string },
): Promise<void> {
  const { sandboxId, buildId, isAlive, why } = of;
  await db.transaction(async (queries) => {
    await queries.run(dropFirstPause, { sandboxId, buildId });
    await queries.run(undoPause, { sandboxId, buildId, isAlive });
    await noteSealFailed(queries, { buildId, why });
  });
}

/**
 * Makes the caller the one who resumes it: from now on it counts as live, in the run named.
 * @returns undefined when it is not paused, or not the team's
 */
export async function claimPaused(
  db: Queries,
  of: { teamId: string; sandboxId: string; executionId: string },
): Promise<Snapshot | undefined> {
  const [row] = await db.run(claimResume, of);
  return row && toSnapshot(row);
}

/** That run has ended without a pause: what is kept is the last pause again. @returns whether it was live in that run */
export async function settleAsPaused(db: Queries, of: { sandboxId: string; executionId: string }): Promise<boolean> {
  return (await db.run(settleLive, of)).length > 0;
}

/** A node was found to run it after all. */
export async function settleAsLive(db: Queries, of: { sandboxId: string; executionId: string }): Promise<void> {
  await db.run(noteLive, of);
}

/** Whoever's it is. For callers that check what the asker may see. */
export async function readSnapshot(db: Queries, sandboxId: string): Promise<Snapshot | undefined> {
  const [row] = await db.run(findSnapshot, { sandboxId });
  return row && toSnapshot(row);
}

/** Pauses under way for so long, and those that are said to live but are not among `liveIds`; oldest first. */
export async function readUnsettled(
  db: Queries,
  of: { liveIds: readonly string[]; olderThanS: number; limit: number },
): Promise<Snapshot[]> {
  return (await db.run(listUnsettledSnapshots, { ...of, liveIds: [...of.liveIds] })).map(toSnapshot);
}

export type PausedQuery = {
  readonly teamId: string;
  /** Left out: they run. */
  readonly liveIds: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly templateId: string | undefined;
  readonly startedAfterMs: number;
  readonly isAscending: boolean;
  /** Only those behind this position. */
  readonly after: { readonly atMs: number; readonly id: string } | undefined;
  readonly limit: number;
};

/** By start, then by id. */
export async function readPaused(db: Queries, of: PausedQuery): Promise<Snapshot[]> {
  const { after, liveIds, metadata, templateId, ...rest } = of;
  const rows = await db.run(listPaused, {
    ...rest,
    liveIds: [...liveIds],
    metadata: { ...metadata },
    templateId: templateId ?? null,
    afterMs: after?.atMs ?? null,
    afterId: after?.id ?? null,
  });
  return rows.map(toSnapshot);
}

/** Keeps nothing of it any more. @returns what it was; undefined when there was none in one of these states */
export async function forgetPaused(
  db: Queries,
  of: { teamId: string; sandboxId: string; states: readonly SnapshotState[] },
): Promise<SnapshotState | undefined> {
  const [row] = await db.run(forgetSnapshot, { ...of, states: [...of.states] });
  return row?.state as SnapshotState | undefined;
}
