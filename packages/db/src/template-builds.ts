/** Builds of templates on their way: state, reason, log. */
import type { RuntimeName } from "@sandlot/domain";
import type { Queries } from "./database";
import { countBuildLog } from "./gen/count-build-log";
import { failBuild } from "./gen/fail-build";
import { failForgottenBuilds } from "./gen/fail-forgotten-builds";
import { findBuild } from "./gen/find-build";
import { findTemplateFacts } from "./gen/find-template-facts";
import { finishBuild } from "./gen/finish-build";
import { listAliases } from "./gen/list-aliases";
import { listBuildLog } from "./gen/list-build-log";
import { listBuildLogBackward } from "./gen/list-build-log-backward";
import { listBuildLogForward } from "./gen/list-build-log-forward";
import { listBuildsInProgress } from "./gen/list-builds-in-progress";
import { listTemplateBuilds } from "./gen/list-template-builds";
import { listUnfinishedBuilds } from "./gen/list-unfinished-builds";
import { putBuildLog } from "./gen/put-build-log";
import { startBuild } from "./gen/start-build";
import { trimBuildLogs } from "./gen/trim-build-logs";
import { LOG_LEVELS, type LogLevel, storable } from "./logs";
import { type TemplateName, toRuntimes } from "./templates";

export type BuildReason = { readonly message: string; readonly step: string };
export type TemplateBuildState = "pending" | "in_progress" | "ready" | "failed";

export type TemplateBuild = {
  readonly buildId: string;
  readonly templateId: string;
  readonly teamId: string;
  readonly status: string;
  readonly state: TemplateBuildState;
  readonly reason: BuildReason | undefined;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  readonly version: string | undefined;
  readonly startCmd: string | undefined;
  readonly readyCmd: string | undefined;
  readonly nodeId: string | undefined;
  /** What its template is set to run on; undefined: whatever is offered. */
  readonly runtimes: readonly RuntimeName[] | undefined;
};

/** @param buildId a UUID; anything else is a bug of the caller */
export async function readTemplateBuild(
  db: Queries,
  of: { templateId: string; buildId: string },
): Promise<TemplateBuild | undefined> {
  const [row] = await db.run(findBuild, of);
  if (row === undefined) return undefined;
  const { buildId, templateId, teamId, status, memoryMiB } = row;
  return {
    ...{ buildId, templateId, teamId, status, memoryMiB, cpuCount: row.vcpu, diskMiB: row.diskMiB ?? 0 },
    state: row.statusGroup as TemplateBuildState,
    reason: toReason(row.reason),
    version: row.version ?? undefined,
    startCmd: row.startCmd ?? undefined,
    readyCmd: row.readyCmd ?? undefined,
    nodeId: row.nodeId ?? undefined,
    runtimes: toRuntimes(row.runtimes),
  };
}

function toReason(json: unknown): BuildReason | undefined {
  if (typeof json !== "object" || json === null) return undefined;
  const { message, step } = json as { message?: unknown; step?: unknown };
  return { message: String(message ?? ""), step: String(step ?? "") };
}

/** @returns false when it was not waiting */
export async function markBuildStarted(
  db: Queries,
  of: { buildId: string; version: string; nodeId: string; startCmd: string; readyCmd: string },
): Promise<boolean> {
  return (await db.run(startBuild, of)).length > 0;
}

export type FinishedBuild = {
  readonly buildId: string;
  readonly envdVersion: string;
  readonly diskBytes: number;
  readonly memoryBytes: number;
  readonly runtimes: readonly RuntimeName[];
  /** Of the virtual machines among them; empty when there are none. */
  readonly kernelVersion: string;
};

/** @returns false when it is not in progress any more */
export async function markBuildFinished(db: Queries, of: FinishedBuild): Promise<boolean> {
  return (await db.run(finishBuild, { ...of, runtimes: [...of.runtimes], hasMemory: of.memoryBytes > 0 })).length > 0;
}

/** @returns false when it had ended before */
export async function markBuildFailed(db: Queries, of: { buildId: string; reason: BuildReason }): Promise<boolean> {
  const reason = { message: storable(of.reason.message), step: of.reason.step };
  return (await db.run(failBuild, { buildId: of.buildId, reason })).length > 0;
}

/** Those that were registered and never started. */
export async function failWaitingBuilds(db: Queries, of: { afterSeconds: number; message: string }): Promise<void> {
  await db.run(failForgottenBuilds, { afterSeconds: of.afterSeconds, reason: { message: of.message, step: "" } });
}

export type UnfinishedBuild = {
  readonly buildId: string;
  readonly templateId: string;
  readonly nodeId: string | undefined;
  readonly isStarted: boolean;
};

/** Those that a builder was told to make. */
export async function readStartedBuilds(db: Queries): Promise<(UnfinishedBuild & { startedAtMs: number })[]> {
  const rows = await db.run(listUnfinishedBuilds, undefined);
  return rows
    .filter(({ status }) => status === "building")
    .map((row) => ({ ...toUnfinished(row), startedAtMs: row.startedAt?.getTime() ?? 0 }));
}

/** Of a team, or of a template. */
export async function readUnfinishedBuilds(
  db: Queries,
  of: { teamId: string } | { templateId: string },
): Promise<UnfinishedBuild[]> {
  const wanted = { teamId: "teamId" in of ? of.teamId : null, templateId: "templateId" in of ? of.templateId : null };
  return (await db.run(listBuildsInProgress, wanted)).map(toUnfinished);
}

function toUnfinished(row: { buildId: string; templateId: string; nodeId: string | null; status: string }) {
  const { buildId, templateId, nodeId, status } = row;
  return { buildId, templateId, nodeId: nodeId ?? undefined, isStarted: status === "building" };
}

export type BuildLogEntry = {
  readonly atMs: number;
  readonly level: LogLevel;
  readonly step: string;
  readonly message: string;
};

/** How many entries are kept already. */
export async function countBuildEntries(db: Queries, buildId: string): Promise<number> {
  const [row] = await db.run(countBuildLog, { buildId });
  return row?.count ?? 0;
}

/** Told twice, they are kept once: `from` is the number of the first. */
export async function addBuildEntries(
  db: Queries,
  of: { buildId: string; from: number; entries: readonly BuildLogEntry[] },
): Promise<void> {
  const { buildId, from, entries } = of;
  if (entries.length === 0) return;
  await db.run(putBuildLog, {
    buildId,
    sequences: entries.map((_, at) => from + at),
    atMs: entries.map(({ atMs }) => atMs),
    levels: entries.map(({ level }) => LOG_LEVELS.indexOf(level)),
    steps: entries.map(({ step }) => step),
    messages: entries.map(({ message }) => storable(message)),
  });
}

type LogRow = { at: Date; level: number; step: string; message: string };

function toEntry({ at, level, step, message }: LogRow): BuildLogEntry {
  return { atMs: at.getTime(), level: LOG_LEVELS[level] ?? "info", step, message };
}

export async function readBuildEntries(
  db: Queries,
  of: { buildId: string; offset: number; limit: number; minLevel: LogLevel },
): Promise<BuildLogEntry[]> {
  const { buildId, offset, limit } = of;
  const rows = await db.run(listBuildLog, { buildId, offset, limit, minLevel: LOG_LEVELS.indexOf(of.minLevel) });
  return rows.map(toEntry);
}

/** In the direction asked for. Forward begins with the cursor, backward before it. */
export async function readBuildEntriesAt(
  db: Queries,
  of: { buildId: string; direction: "forward" | "backward"; cursorMs: number; limit: number; minLevel: LogLevel },
): Promise<BuildLogEntry[]> {
  const { buildId, direction, cursorMs, limit } = of;
  const wanted = { buildId, cursorMs, limit, minLevel: LOG_LEVELS.indexOf(of.minLevel) };
  const rows =
    direction === "forward" ? await db.run(listBuildLogForward, wanted) : await db.run(listBuildLogBackward, wanted);
  return rows.map(toEntry);
}

export async function forgetBuildEntries(db: Queries, keepDays: number): Promise<void> {
  await db.run(trimBuildLogs, { keepDays });
}

export type TemplateFacts = {
  readonly templateId: string;
  readonly teamId: string;
  readonly isPublic: boolean;
  readonly source: string;
  readonly names: readonly TemplateName[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly lastSpawnedAtMs: number | undefined;
  readonly spawnCount: number;
  readonly buildCount: number;
};

export async function readTemplateFacts(db: Queries, templateId: string): Promise<TemplateFacts | undefined> {
  const [row] = await db.run(findTemplateFacts, { templateId });
  if (row === undefined) return undefined;
  const { createdAt, updatedAt, lastSpawnedAt, spawnCount, ...rest } = row;
  return {
    ...rest,
    names: await db.run(listAliases, { templateId }),
    createdAtMs: createdAt.getTime(),
    updatedAtMs: updatedAt.getTime(),
    lastSpawnedAtMs: lastSpawnedAt?.getTime(),
    spawnCount: Number(spawnCount),
  };
}

export type ListedBuild = {
  readonly buildId: string;
  readonly state: TemplateBuildState;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly finishedAtMs: number | undefined;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly diskMiB: number | undefined;
  readonly envdVersion: string | undefined;
};

/** Newest first, after the position. */
export async function readBuildsPage(
  db: Queries,
  of: { templateId: string; beforeMs: number; afterId: string; limit: number },
): Promise<ListedBuild[]> {
  const rows = await db.run(listTemplateBuilds, of);
  return rows.map((row) => ({
    buildId: row.buildId,
    state: row.statusGroup as TemplateBuildState,
    createdAtMs: row.createdAt.getTime(),
    updatedAtMs: row.updatedAt.getTime(),
    finishedAtMs: row.finishedAt?.getTime(),
    cpuCount: row.vcpu,
    memoryMiB: row.memoryMiB,
    diskMiB: row.diskMiB ?? undefined,
    envdVersion: row.envdVersion ?? undefined,
  }));
}
