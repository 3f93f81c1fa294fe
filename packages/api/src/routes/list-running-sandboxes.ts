import { matchesMetadata, parseMetadataFilter } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import type { SandboxParts } from "../sandboxes/parts";
import { toListed } from "../sandboxes/present";

/** GET /sandboxes — the running ones, newest start first, all at once. */
export function listRunningSandboxes({ state }: SandboxParts): Handler<"listRunningSandboxes"> {
  return async ({ team, query }) => {
    const filter = query.metadata === undefined ? {} : parseMetadataFilter(query.metadata);
    const records = await state.sandboxes.list(team.teamId);
    const running = records.filter((record) => record.state === "running" && matchesMetadata(record.metadata, filter));
    return { status: 200, body: running.toSorted((a, b) => b.startedAtMs - a.startedAtMs).map(toListed) };
  };
}
