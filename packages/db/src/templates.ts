/** Templates, their names and their builds, as readers see them. */
import { isRuntimeName, isUuid, type RuntimeName, type TemplateReference } from "@sandlot/domain";
import type { Queries } from "./database";
import { countSpawn } from "./gen/count-spawn";
import { findBuildById } from "./gen/find-build-by-id";
import { findBuildByTag } from "./gen/find-build-by-tag";
import { findTemplate } from "./gen/find-template";
import { listTemplates } from "./gen/list-templates";
import { setBuildRuntimes } from "./gen/set-build-runtimes";
import { setTemplateRuntimes } from "./gen/set-template-runtimes";

export type FoundTemplate = {
  readonly templateId: string;
  readonly teamId: string;
  readonly isPublic: boolean;
  /** The name it was found by, else its oldest name, if it has one. */
  readonly alias: string | undefined;
  /** What its sandboxes are to run on, the first wanted most; undefined: whatever is offered. */
  readonly runtimes: readonly RuntimeName[] | undefined;
};

export type ReadyBuild = {
  readonly buildId: string;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  readonly envdVersion: string | undefined;
  /** What its sandboxes can run on. */
  readonly runtimes: readonly RuntimeName[];
};

/**
 * A named namespace looks only there. A bare name: the caller's own namespace, then the promoted name, then the raw id.
 * @param ownSlug the namespace of the team that asks
 */
export async function readTemplate(
  db: Queries,
  { reference, ownSlug }: { reference: TemplateReference; ownSlug: string },
): Promise<FoundTemplate | undefined> {
  const { namespace, name } = reference;
  const isBare = namespace === undefined;
  const [row] = await db.run(findTemplate, { name, namespace: namespace ?? ownSlug, includesBare: isBare });
  if (row === undefined) return undefined;
  return { ...row, alias: row.alias ?? undefined, runtimes: toRuntimes(row.runtimes) };
}

/** The newest ready build behind a tag; a UUID in the tag's place names the build itself. */
export async function readBuild(
  db: Queries,
  { templateId, tag }: { templateId: string; tag: string },
): Promise<ReadyBuild | undefined> {
  const [row] = isUuid(tag)
    ? await db.run(findBuildById, { templateId, buildId: tag })
    : await db.run(findBuildByTag, { templateId, tag });
  if (row === undefined) return undefined;
  const { buildId, vcpu: cpuCount, memoryMiB } = row;
  const runtimes = toRuntimes(row.runtimes) ?? ["container"];
  return {
    buildId,
    cpuCount,
    memoryMiB,
    diskMiB: row.diskMiB ?? 0,
    envdVersion: row.envdVersion ?? undefined,
    runtimes,
  };
}

/** The table's own check keeps others out. */
export function toRuntimes(names: readonly string[] | null): readonly RuntimeName[] | undefined {
  return names === null ? undefined : names.filter((name) => isRuntimeName(name));
}

/** What sandboxes of a finished build can run on from now on. */
export async function noteBuildRuntimes(
  db: Queries,
  of: { buildId: string; runtimes: readonly RuntimeName[]; kernelVersion: string },
): Promise<void> {
  await db.run(setBuildRuntimes, { ...of, runtimes: [...of.runtimes] });
}

/** @param of.runtimes undefined: whatever is offered */
export async function setRuntimesOfTemplate(
  db: Queries,
  of: { templateId: string; runtimes: readonly RuntimeName[] | undefined },
): Promise<void> {
  await db.run(setTemplateRuntimes, {
    templateId: of.templateId,
    runtimes: of.runtimes === undefined ? null : [...of.runtimes],
  });
}

/** Notes that a sandbox was started from the template. */
export async function noteSpawn(db: Queries, templateId: string): Promise<void> {
  await db.run(countSpawn, { templateId });
}

export type TemplateName = { readonly alias: string; readonly namespace: string | null };
export type ListedTemplate = Omit<ReadyBuild, "envdVersion" | "runtimes"> & {
  readonly templateId: string;
  readonly isPublic: boolean;
  readonly names: readonly TemplateName[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly lastSpawnedAtMs: number | undefined;
  readonly spawnCount: number;
  readonly buildCount: number;
  readonly createdBy: { readonly userId: string; readonly email: string | undefined } | undefined;
  readonly envdVersion: string;
  readonly buildState: "pending" | "in_progress" | "ready" | "failed";
};

/** A team's own templates, newest first. */
export async function readOwnTemplates(db: Queries, teamId: string): Promise<ListedTemplate[]> {
  const rows = await db.run(listTemplates, { teamId });
  return rows.map((row) => ({
    templateId: row.templateId,
    isPublic: row.isPublic,
    names: row.names as unknown as TemplateName[],
    createdAtMs: row.createdAt.getTime(),
    updatedAtMs: row.updatedAt.getTime(),
    lastSpawnedAtMs: row.lastSpawnedAt?.getTime(),
    spawnCount: Number(row.spawnCount),
    buildCount: row.buildCount,
    createdBy: row.creatorId === null ? undefined : { userId: row.creatorId, email: row.creatorEmail ?? undefined },
    buildId: row.buildId,
    cpuCount: row.vcpu,
    memoryMiB: row.memoryMiB,
    diskMiB: row.diskMiB ?? 0,
    envdVersion: row.envdVersion ?? "",
    buildState: row.statusGroup as ListedTemplate["buildState"],
  }));
}
