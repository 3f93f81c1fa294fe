import { readLatestSamples } from "@sandlot/db";
import { parseSandboxId } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import type { SandboxParts } from "../sandboxes/parts";
import { toMetric } from "./get-sandbox-metrics";

/** GET /sandboxes/metrics — the newest sample of each of up to 100; those without one, and foreign ones, are left out. */
export function getSandboxesMetrics({ db }: SandboxParts): Handler<"getSandboxesMetrics"> {
  return async ({ team, query }) => {
    const sandboxIds = query.sandbox_ids.map(parseSandboxId);
    const latest = await readLatestSamples(db, { teamId: team.teamId, sandboxIds });
    const sandboxes = Object.fromEntries([...latest].map(([sandboxId, sample]) => [sandboxId, toMetric(sample)]));
    return { status: 200, body: { sandboxes } };
  };
}
