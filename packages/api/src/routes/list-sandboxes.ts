import { readPaused, readTemplate, type Team } from "@sandlot/db";
import {
  MAX_PAGE,
  matchesMetadata,
  pageOf,
  parseCursor,
  parseMetadataFilter,
  parseTemplateReference,
  STATES,
  templateFaults,
} from "@sandlot/domain";
import type { SandboxRecord } from "@sandlot/state";
import type { Handler } from "../http/handlers";
import { fromSnapshot } from "../sandboxes/kept";
import type { SandboxParts } from "../sandboxes/parts";
import { toListed } from "../sandboxes/present";

type Wanted = {
  readonly templateId: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly startedAfterMs: number;
};

/** GET /v2/sandboxes — running and paused ones in one order by start, one page; how many run in all stands in a header. */
export function listSandboxes(parts: SandboxParts): Handler<"listSandboxes"> {
  return async ({ team, query }) => {
    const order = query.order ?? "desc";
    const after = query.nextToken === undefined ? undefined : parseCursor(query.nextToken, order);
    const states = new Set<string>(query.state ?? ["running", "paused"]);
    const limit = query.limit ?? MAX_PAGE;
    const metadata = query.metadata === undefined ? {} : parseMetadataFilter(query.metadata);
    const startedAfterMs = query.startedAfter === undefined ? 0 : Date.parse(query.startedAfter);
    const templateId = query.template === undefined ? undefined : await templateFilter(parts, team, query.template);
    const wanted = { templateId, metadata, startedAfterMs };
    const live = await parts.state.sandboxes.list(team.teamId);
    const matching = live.filter((record) => isWanted(record, wanted));
    const shown = matching.filter((record) => states.has(STATES[record.state].listed));
    const liveIds = live.map(({ sandboxId }) => sandboxId);
    const asked = { ...wanted, teamId: team.teamId, liveIds, isAscending: order === "asc", after, limit: limit + 1 };
    // Of what is paused no more is read than one page can show.
    const kept = states.has("paused") ? await readPaused(parts.db, asked) : [];
    const rows = [...shown, ...kept.map((snapshot) => fromSnapshot(snapshot, parts.tokenSeed))];
    const at = (record: SandboxRecord) => ({ atMs: record.startedAtMs, id: record.sandboxId });
    const { page, nextToken } = pageOf({ rows, at, order, after, limit });
    const running = matching.filter(({ state }) => state === "running");
    const headers = {
      ...(nextToken !== undefined && { "X-Next-Token": nextToken }),
      ...(states.has("running") && { "X-Total-Running": String(running.length) }),
    };
    return { status: 200, headers, body: page.map(toListed) };
  };
}

function isWanted(record: SandboxRecord, { templateId, metadata, startedAfterMs }: Wanted): boolean {
  return (
    record.startedAtMs >= startedAfterMs &&
    (templateId === undefined || record.templateId === templateId) &&
    matchesMetadata(record.metadata, metadata)
  );
}

/** @throws Fault `template_tag_in_filter`; a template that does not exist simply matches nothing */
async function templateFilter({ db }: SandboxParts, team: Team, input: string): Promise<string> {
  const reference = parseTemplateReference(input);
  if (reference.tag !== undefined) throw templateFaults.tag_in_filter({});
  return (await readTemplate(db, { reference, ownSlug: team.slug }))?.templateId ?? "";
}
