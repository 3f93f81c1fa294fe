import { readSnapshotTemplates, readTemplate, type SnapshotName, type Team } from "@sandlot/db";
import {
  isUuid,
  MAX_PAGE,
  parseCursor,
  parseSandboxId,
  parseTemplateReference,
  requestFaults,
  writeCursor,
} from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import type { SandboxParts } from "../sandboxes/parts";
import { snapshotSandbox } from "../sandboxes/snapshot-sandbox";
import { parseNewTags, parseOwnName } from "../templates/find-template";

/** POST /sandboxes/{sandboxID}/snapshots — 201 once it can be started from; the sandbox goes on. */
export function createSnapshot(parts: SandboxParts): Handler<"createSnapshot"> {
  return async ({ team, path, body }) => {
    const sandboxId = parseSandboxId(path.sandboxID);
    if (body?.memory === false) throw requestFaults.not_supported({ what: "memory: false for a snapshot" });
    const name = body?.name === undefined ? undefined : nameOf(body.name, team);
    const { templateId } = await snapshotSandbox(parts, { key: { teamId: team.teamId, sandboxId }, name });
    return { status: 201, body: toInfo({ templateId, name, tag: name?.tag ?? "default" }) };
  };
}

function nameOf(input: string, team: Team): SnapshotName & { tag: string } {
  const { name: alias, tag: written = "default" } = parseOwnName(input, team);
  const [tag = written] = parseNewTags([written]);
  return { namespace: team.slug, alias, tag };
}

/** GET /snapshots — the team's, newest first. A name that nobody has is an empty list. */
export function listSnapshots({ db }: SandboxParts): Handler<"listSnapshots"> {
  return async ({ team, query }) => {
    const limit = query.limit ?? MAX_PAGE;
    const after = query.nextToken === undefined ? undefined : parseCursor(query.nextToken, "desc");
    const sandboxId = query.sandboxID === undefined ? undefined : parseSandboxId(query.sandboxID);
    const reference = query.name === undefined ? undefined : parseTemplateReference(query.name);
    const template = reference && (await readTemplate(db, { reference, ownSlug: team.slug }));
    if (reference !== undefined && template?.teamId !== team.teamId) return { status: 200, body: [] };
    const tag = reference?.tag === undefined || isUuid(reference.tag) ? undefined : reference.tag;
    const wanted = { teamId: team.teamId, sandboxId, templateId: template?.templateId, tag, after, limit: limit + 1 };
    const rows = await readSnapshotTemplates(db, wanted);
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const hasNext = rows.length > limit && last !== undefined;
    const nextToken = hasNext && writeCursor({ atMs: last.createdAtMs, id: last.templateId, order: "desc" });
    return { status: 200, ...(nextToken && { headers: { "X-Next-Token": nextToken } }), body: page.map(toInfo) };
  };
}

/** The name without its tag stands in `names`, with it in the id; who has no name is called by the template's id. */
function toInfo(of: {
  templateId: string;
  tag: string;
  name: { alias: string; namespace: string | null } | undefined;
}): { snapshotID: string; names: string[] } {
  const { templateId, tag, name } = of;
  if (name === undefined) return { snapshotID: `${templateId}:${tag}`, names: [] };
  const full = name.namespace === null ? name.alias : `${name.namespace}/${name.alias}`;
  return { snapshotID: `${full}:${tag}`, names: [full] };
}
