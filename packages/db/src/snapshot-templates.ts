/** Templates made from running sandboxes: registered, listed, deleted. */
import { randomBytes } from "node:crypto";
import { newTemplateId } from "@sandlot/domain";
import type { Database, Queries } from "./database";
import { addOwnAlias } from "./gen/add-own-alias";
import { addSnapshotEnv } from "./gen/add-snapshot-env";
import { addSnapshotTemplate } from "./gen/add-snapshot-template";
import { assignBuild } from "./gen/assign-build";
import { countBuildsOf } from "./gen/count-builds-of";
import { deleteTag } from "./gen/delete-tag";
import { findOwnAlias } from "./gen/find-own-alias";
import { listSnapshotTemplates } from "./gen/list-snapshot-templates";
import { letGoOfBuild, noteSealed, type SealedSize } from "./sealed-builds";

export type SnapshotName = { readonly alias: string; readonly namespace: string };
export type NewSnapshot = {
  readonly teamId: string;
  readonly sandboxId: string;
  readonly buildId: string;
  readonly size: SealedSize;
  readonly name: SnapshotName | undefined;
  readonly tag: string;
};

/** The team's template of that name gets the build under the tag; without one, or without a name, a template is made. */
export async function registerSnapshot(db: Database, of: NewSnapshot): Promise<{ templateId: string }> {
  const { teamId, sandboxId, buildId, size, name, tag } = of;
  return db.transaction(async (queries) => {
    await noteSealed(queries, { buildId, size });
    const [found] = name === undefined ? [] : await queries.run(findOwnAlias, { ...name, teamId });
    const templateId = found?.envId ?? newTemplateId((sizeBytes) => randomBytes(sizeBytes));
    if (found === undefined) {
      await queries.run(addSnapshotEnv, { envId: templateId, teamId, source: "snapshot_template" });
      await queries.run(addSnapshotTemplate, { envId: templateId, sandboxId });
      if (name !== undefined) await queries.run(addOwnAlias, { ...name, envId: templateId });
    }
    await queries.run(assignBuild, { templateId, buildId, tag });
    await queries.run(countBuildsOf, { templateId });
    await letGoOfBuild(queries, buildId);
    return { templateId };
  });
}

export type ListedSnapshot = {
  readonly templateId: string;
  readonly createdAtMs: number;
  readonly tag: string;
  readonly name: { readonly alias: string; readonly namespace: string | null } | undefined;
};
export type SnapshotQuery = {
  readonly teamId: string;
  readonly sandboxId: string | undefined;
  readonly templateId: string | undefined;
  readonly tag: string | undefined;
  readonly after: { readonly atMs: number; readonly id: string } | undefined;
  readonly limit: number;
};

/** Newest first, then by id. */
export async function readSnapshotTemplates(db: Queries, of: SnapshotQuery): Promise<ListedSnapshot[]> {
  const rows = await db.run(listSnapshotTemplates, {
    teamId: of.teamId,
    sandboxId: of.sandboxId ?? null,
    envId: of.templateId ?? null,
    tag: of.tag ?? null,
    afterMs: of.after?.atMs ?? null,
    afterId: of.after?.id ?? null,
    limit: of.limit,
  });
  return rows.map(({ envId, createdAt, tag, alias, namespace }) => ({
    templateId: envId,
    createdAtMs: createdAt.getTime(),
    tag,
    name: alias === null ? undefined : { alias, namespace },
  }));
}

/** Takes one tag of several away; its build goes with it. @returns whether there was one */
export async function removeSnapshotTag(db: Queries, of: { templateId: string; tag: string }): Promise<boolean> {
  return (await db.run(deleteTag, of)).length > 0;
}
