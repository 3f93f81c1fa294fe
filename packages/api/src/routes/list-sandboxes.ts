import { readTemplate, type Team } from "@sandlot/db";
import {
  MAX_PAGE,
  matchesMetadata,
  pageOf,
  parseCursor,
  parseMetadataFilter,
  parseTemplateReference,
  templateFaults,
} from "@sandlot/domain";
import type { SandboxRecord } from "@sandlot/state";
import type { Handler } from "../http/handlers";
import type { SandboxParts } from "../sandboxes/parts";
import { toListed } from "../sandboxes/present";

/** GET /v2/sandboxes — filtered, sorted by start, one page; how many run in all stands in a header. */
export function listSandboxes(parts: SandboxParts): Handler<"listSandboxes"> {
  return async ({ team, query }) => {
    const order = query.order ?? "desc";
    const after = query.nextToken === undefined ? undefined : parseCursor(query.nextToken, order);
    const states = new Set(query.state ?? ["running", "paused"]);
    const metadata = query.metadata === undefined ? {} : parseMetadataFilter(query.metadata);
    const startedAfterMs = query.startedAfter === undefined ? 0 : Date.parse(query.startedAfter);
    const isWanted = query.template === undefined ? () => true : await templateFilter(parts, team, query.template);
    const records = await parts.state.sandboxes.list(team.teamId);
    const matching = records.filter(
      (record) =>
        record.startedAtMs >= startedAfterMs && isWanted(record) && matchesMetadata(record.metadata, metadata),
    );
    const running = matching.filter((record) => record.state === "running");
    const paused = matching.filter((record) => record.state === "pausing");
    const rows = [...(states.has("running") ? running : []), ...(states.has("paused") ? paused : [])];
    const at = (record: SandboxRecord) => ({ atMs: record.startedAtMs, id: record.sandboxId });
    const { page, nextToken } = pageOf({ rows, at, order, after, limit: query.limit ?? MAX_PAGE });
    const headers = {
      ...(nextToken !== undefined && { "X-Next-Token": nextToken }),
      ...(states.has("running") && { "X-Total-Running": String(running.length) }),
    };
    return { status: 200, headers, body: page.map(toListed) };
  };
}

/** @throws Fault `template_tag_in_filter`; a template that does not exist simply matches nothing */
async function templateFilter(
  { db }: SandboxParts,
  team: Team,
  input: string,
): Promise<(record: SandboxRecord) => boolean> {
  const reference = parseTemplateReference(input);
  if (reference.tag !== undefined) throw templateFaults.tag_in_filter({});
  const template = await readTemplate(db, { reference, ownSlug: team.slug });
  return (record) => record.templateId === template?.templateId;
}
