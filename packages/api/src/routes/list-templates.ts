import type { components } from "@sandlot/contracts/rest";
import { type Database, type ListedTemplate, readOwnTemplates } from "@sandlot/db";
import { MAX_PAGE, pageOf, parseCursor } from "@sandlot/domain";
import { apiFaults } from "../faults";
import type { Handler } from "../http/handlers";

/** GET /templates — the team's own, newest first. */
export function listTemplates({ db }: { db: Database }): Handler<"listTemplates"> {
  return async ({ team, query }) => {
    if (query.teamID !== undefined && query.teamID !== team.teamId) throw apiFaults.team_mismatch({});
    return { status: 200, body: (await readOwnTemplates(db, team.teamId)).map(toTemplate) };
  };
}

/** GET /v2/templates — the same, in pages. */
export function listTemplatesV2({ db }: { db: Database }): Handler<"listTemplatesV2"> {
  return async ({ team, query }) => {
    if (query.teamID !== undefined && query.teamID !== team.teamId) throw apiFaults.team_mismatch({});
    const after = query.nextToken === undefined ? undefined : parseCursor(query.nextToken, "desc");
    const { page, nextToken } = pageOf({
      rows: await readOwnTemplates(db, team.teamId),
      at: ({ createdAtMs, templateId }) => ({ atMs: createdAtMs, id: templateId }),
      order: "desc",
      after,
      limit: query.limit ?? MAX_PAGE,
    });
    const headers = nextToken === undefined ? {} : { headers: { "X-Next-Token": nextToken } };
    return { status: 200, ...headers, body: page.map(toTemplate) };
  };
}

const STATUS = { pending: "waiting", in_progress: "building", ready: "ready", failed: "error" } as const;

function toTemplate(row: ListedTemplate): components["schemas"]["Template"] {
  return {
    templateID: row.templateId,
    buildID: row.buildId,
    cpuCount: row.cpuCount,
    memoryMB: row.memoryMiB,
    diskSizeMB: row.diskMiB,
    public: row.isPublic,
    aliases: row.names.map(({ alias }) => alias),
    names: row.names.map(({ alias, namespace }) => (namespace === null ? alias : `${namespace}/${alias}`)),
    createdAt: new Date(row.createdAtMs).toISOString(),
    updatedAt: new Date(row.updatedAtMs).toISOString(),
    createdBy: row.createdBy === undefined ? null : { id: row.createdBy.userId, email: row.createdBy.email ?? null },
    lastSpawnedAt: row.lastSpawnedAtMs === undefined ? null : new Date(row.lastSpawnedAtMs).toISOString(),
    spawnCount: row.spawnCount,
    buildCount: row.buildCount,
    envdVersion: row.envdVersion,
    buildStatus: STATUS[row.buildState],
  };
}
