import type { Team } from "@sandlot/db";
import { readTeamCounts, readTeamPeak } from "@sandlot/db";
import { bucketSeconds, requestFaults } from "@sandlot/domain";
import { apiFaults } from "../faults";
import type { Handler } from "../http/handlers";
import { limits } from "../limits";
import type { SandboxParts } from "../sandboxes/parts";

const WEEK_MS = 7 * 24 * 3_600_000;

/** GET /teams/{teamID}/metrics — the last 7 days unless a range is given; how many ran at most, and starts per second. */
export function getTeamMetrics({ db, clock }: SandboxParts): Handler<"getTeamMetrics"> {
  return async ({ team, path, query }) => {
    assertOwn(team, path.teamID);
    const range = readRange(query, clock.nowMs());
    // Counts are made every ten seconds, so a narrower bucket would only hide their own span.
    const bucketS = Math.max(bucketSeconds((range.toMs - range.fromMs) / 1000), limits.teamCountMs / 1000);
    const counts = await readTeamCounts(db, { teamId: team.teamId, ...range, bucketS });
    const body = counts.map(({ atMs, concurrent, started }) => ({
      ...timesOf(atMs),
      concurrentSandboxes: concurrent,
      sandboxStartRate: started / bucketS,
    }));
    return { status: 200, body };
  };
}

/** GET /teams/{teamID}/metrics/max — the peak of the range, and when; 0 now when nothing was counted. */
export function getTeamMetricsMax({ db, clock }: SandboxParts): Handler<"getTeamMetricsMax"> {
  return async ({ team, path, query }) => {
    assertOwn(team, path.teamID);
    const range = readRange(query, clock.nowMs());
    const byStarts = query.metric === "sandbox_start_rate";
    const peak = await readTeamPeak(db, { teamId: team.teamId, ...range, of: byStarts ? "started" : "concurrent" });
    const value = (peak?.value ?? 0) / (byStarts ? limits.teamCountMs / 1000 : 1);
    return { status: 200, body: { ...timesOf(peak?.atMs ?? range.toMs), value } };
  };
}

/** @throws Fault `api_foreign_team` */
function assertOwn(team: Team, teamId: string): void {
  if (teamId.toLowerCase() !== team.teamId) throw apiFaults.foreign_team({});
}

/** @throws Fault `request_bad_range` */
function readRange({ start, end }: { start?: number; end?: number }, nowMs: number) {
  const toMs = end === undefined ? nowMs : end * 1000;
  const fromMs = start === undefined ? toMs - WEEK_MS : start * 1000;
  if (fromMs > toMs) throw requestFaults.bad_range({});
  return { fromMs, toMs };
}

function timesOf(atMs: number) {
  return { timestamp: new Date(atMs).toISOString(), timestampUnix: Math.floor(atMs / 1000) };
}
