/** Registering templates and their builds: names, tags, limits. Each change is one transaction. */
import type { Database, Queries } from "./database";
import { dbFaults } from "./faults";
import { addAssignment } from "./gen/add-assignment";
import { addBuild } from "./gen/add-build";
import { addTemplate } from "./gen/add-template";
import { claimAlias } from "./gen/claim-alias";
import { countUnfinishedBuilds } from "./gen/count-unfinished-builds";
import { deleteAliases } from "./gen/delete-aliases";
import { deleteTemplate } from "./gen/delete-template";
import { dropOtherAliases } from "./gen/drop-other-aliases";
import { findAlias } from "./gen/find-alias";
import { findOwnTemplate } from "./gen/find-own-template";
import { findTeamLimits } from "./gen/find-team-limits";
import { findTeamOwner } from "./gen/find-team-owner";
import { hasPausedSandboxes } from "./gen/has-paused-sandboxes";
import { keepUntaggedBuilds } from "./gen/keep-untagged-builds";
import { listAliases } from "./gen/list-aliases";
import { listBuildIds } from "./gen/list-build-ids";
import { listTemplateTags } from "./gen/list-template-tags";
import { lockTeamBuilds } from "./gen/lock-team-builds";
import { noteBuild } from "./gen/note-build";
import { removeTemplateTags } from "./gen/remove-template-tags";
import { setTemplatePublic } from "./gen/set-template-public";
import { supersedeBuilds } from "./gen/supersede-builds";
import type { TemplateName } from "./templates";

export type TeamLimits = {
  readonly maxCpuCount: number;
  readonly maxMemoryMiB: number;
  readonly maxDiskMiB: number;
  readonly concurrentBuilds: number;
};

export async function readTeamLimits(db: Queries, teamId: string): Promise<TeamLimits> {
  const [row] = await db.run(findTeamLimits, { teamId });
  if (row === undefined) throw new Error("a team without limits");
  return row;
}

export type NewBuild = {
  readonly teamId: string;
  readonly teamSlug: string;
  /** Taken when no template has the name yet, or when `templateId` is not given by the caller. */
  readonly newTemplateId: string;
  /** A build of this very template, whatever its name. */
  readonly templateId: string | undefined;
  /** In the team's own namespace. */
  readonly alias: string | undefined;
  readonly tags: readonly string[];
  readonly buildId: string;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  readonly dockerfile?: string;
  readonly startCmd?: string;
  readonly readyCmd?: string;
  readonly concurrentBuilds: number;
  readonly supersededReason: string;
};

export type RegisteredBuild = {
  readonly templateId: string;
  readonly isPublic: boolean;
  readonly names: readonly TemplateName[];
};

/**
 * A new build, waiting to be started, of a new template or of the one that has the name. Older ones of the same tags that
 * still wait fail.
 * @throws Fault `db_template_deleted`, `db_alias_is_id`, `db_alias_elsewhere`, `db_too_many_builds`, `db_template_foreign`
 */
export async function registerBuild(db: Database, of: NewBuild): Promise<RegisteredBuild> {
  return db.transaction(async (queries) => {
    await queries.run(lockTeamBuilds, { teamId: of.teamId });
    const { templateId, isPublic } = await templateFor(queries, of);
    // Those that this one replaces make room for it.
    const reason = { message: of.supersededReason, step: "" };
    await queries.run(supersedeBuilds, { templateId, tags: [...of.tags], reason });
    const [unfinished] = await queries.run(countUnfinishedBuilds, { teamId: of.teamId });
    if ((unfinished?.count ?? 0) >= of.concurrentBuilds) throw dbFaults.too_many_builds({ limit: of.concurrentBuilds });
    const { buildId, teamId, cpuCount, memoryMiB, diskMiB } = of;
    await queries.run(addBuild, {
      ...{ buildId, templateId, teamId, cpuCount, memoryMiB, diskMiB, version: null },
      dockerfile: of.dockerfile ?? null,
      startCmd: of.startCmd ?? null,
      readyCmd: of.readyCmd ?? null,
    });
    for (const tag of of.tags) await queries.run(addAssignment, { templateId, buildId, tag });
    await queries.run(noteBuild, { templateId });
    return { templateId, isPublic, names: await queries.run(listAliases, { templateId }) };
  });
}

async function templateFor(queries: Queries, of: NewBuild): Promise<{ templateId: string; isPublic: boolean }> {
  const named =
    of.alias === undefined ? undefined : (await queries.run(findAlias, { alias: of.alias, namespace: of.teamSlug }))[0];
  const wanted = of.templateId ?? named?.templateId;
  if (of.templateId !== undefined && named !== undefined && named.templateId !== of.templateId)
    throw dbFaults.alias_elsewhere({ alias: of.alias ?? "" });
  if (wanted !== undefined) {
    const [found] = await queries.run(findOwnTemplate, { templateId: wanted });
    if (found === undefined) throw dbFaults.template_unknown({ templateId: wanted });
    if (found.teamId !== of.teamId) throw dbFaults.template_foreign({ templateId: wanted });
    if (found.isDeleted) throw dbFaults.template_deleted({ templateId: wanted });
    if (of.alias !== undefined && named === undefined) {
      await claim(queries, { alias: of.alias, namespace: of.teamSlug, templateId: wanted });
      await queries.run(dropOtherAliases, { templateId: wanted, alias: of.alias });
    }
    return { templateId: wanted, isPublic: found.isPublic };
  }
  const [owner] = await queries.run(findTeamOwner, { teamId: of.teamId });
  const templateId = of.newTemplateId;
  await queries.run(addTemplate, { templateId, teamId: of.teamId, isPublic: false, userId: owner?.userId ?? null });
  if (of.alias !== undefined) await claim(queries, { alias: of.alias, namespace: of.teamSlug, templateId });
  return { templateId, isPublic: false };
}

async function claim(
  queries: Queries,
  of: { alias: string; namespace: string | null; templateId: string },
): Promise<void> {
  const [asId] = await queries.run(findOwnTemplate, { templateId: of.alias });
  if (asId !== undefined) throw dbFaults.alias_is_id({ alias: of.alias });
  const [claimed] = await queries.run(claimAlias, of);
  if (claimed === undefined) throw dbFaults.alias_elsewhere({ alias: of.alias });
}

/** Points tags at a build of the template. */
export async function assignTags(
  db: Database,
  of: { templateId: string; buildId: string; tags: readonly string[] },
): Promise<void> {
  const { templateId, buildId } = of;
  await db.transaction(async (queries) => {
    for (const tag of of.tags) await queries.run(addAssignment, { templateId, buildId, tag });
  });
}

/** Their builds stay the template's. */
export async function removeTags(db: Database, of: { templateId: string; tags: readonly string[] }): Promise<void> {
  const wanted = { templateId: of.templateId, tags: [...of.tags] };
  await db.transaction(async (queries) => {
    await queries.run(keepUntaggedBuilds, wanted);
    await queries.run(removeTemplateTags, wanted);
  });
}

export type TemplateTag = { readonly tag: string; readonly buildId: string; readonly createdAtMs: number };

/** Of ready builds only, by name. */
export async function readTags(db: Queries, templateId: string): Promise<TemplateTag[]> {
  const rows = await db.run(listTemplateTags, { templateId });
  return rows
    .filter(({ tag }) => tag !== "")
    .map(({ tag, buildId, createdAt }) => ({ tag, buildId, createdAtMs: createdAt.getTime() }));
}

/**
 * @param claimBare also makes each of its names everybody's
 * @returns its names
 * @throws Fault `db_bare_alias_taken` when a name is another template's
 */
export async function publishTemplate(
  db: Database,
  of: { templateId: string; isPublic: boolean; claimBare: boolean },
): Promise<TemplateName[]> {
  const { templateId, isPublic } = of;
  return db.transaction(async (queries) => {
    const names = await queries.run(listAliases, { templateId });
    if (isPublic && of.claimBare) {
      const bare = new Set(names.filter(({ namespace }) => namespace === null).map(({ alias }) => alias));
      for (const { alias, namespace } of names) {
        if (namespace === null || bare.has(alias)) continue;
        const [claimed] = await queries.run(claimAlias, { alias, namespace: null, templateId });
        if (claimed === undefined) throw dbFaults.bare_alias_taken({ alias });
      }
    }
    await queries.run(setTemplatePublic, { templateId, isPublic });
    return queries.run(listAliases, { templateId });
  });
}

/** Whether sandboxes are kept that were started from it. */
export async function isKeptBySnapshots(db: Queries, templateId: string): Promise<boolean> {
  const [row] = await db.run(hasPausedSandboxes, { templateId });
  return row?.isThere ?? false;
}

/** Soft: the row stays, its names are free again. @returns builds that no living template has any more; undefined when it was gone already */
export async function removeTemplate(db: Database, templateId: string): Promise<string[] | undefined> {
  return db.transaction(async (queries) => {
    const [gone] = await queries.run(deleteTemplate, { templateId });
    if (gone === undefined) return undefined;
    await queries.run(deleteAliases, { templateId });
    return (await queries.run(listBuildIds, { templateId })).map(({ buildId }) => buildId);
  });
}
