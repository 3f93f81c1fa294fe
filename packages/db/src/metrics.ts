/** What was measured, of sandboxes and of teams, for `limits.observationsKeptDays`. */
import type { Queries } from "./database";
import { findSandboxMetricsSpan } from "./gen/find-sandbox-metrics-span";
import { findTeamPeak } from "./gen/find-team-peak";
import { listLatestMetrics } from "./gen/list-latest-metrics";
import { listSandboxMetrics } from "./gen/list-sandbox-metrics";
import { listTeamMetrics } from "./gen/list-team-metrics";
import { putSandboxMetrics } from "./gen/put-sandbox-metrics";
import { putTeamMetrics } from "./gen/put-team-metrics";
import { rollObservations } from "./gen/roll-observations";
import { limits } from "./limits";

export type SandboxSample = {
  readonly atMs: number;
  readonly cpuCount: number;
  /** Of all its CPUs together, 0 to 100. */
  readonly cpuUsedPct: number;
  readonly memUsedBytes: number;
  readonly memTotalBytes: number;
  readonly memCacheBytes: number;
  readonly diskUsedBytes: number;
  readonly diskTotalBytes: number;
};
export type OwnedSample = SandboxSample & { readonly sandboxId: string; readonly teamId: string };
export type TimeRange = { readonly fromMs: number; readonly toMs: number };

/** Adding the same sample again changes nothing. */
export async function addSandboxSamples(db: Queries, samples: readonly OwnedSample[]): Promise<void> {
  if (samples.length === 0) return;
  const rows = samples.map((sample) => ({
    sandbox_id: sample.sandboxId,
    team_id: sample.teamId,
    at_ms: Math.round(sample.atMs),
    cpu_count: sample.cpuCount,
    cpu_used_pct: sample.cpuUsedPct,
    ...{ mem_used: sample.memUsedBytes, mem_total: sample.memTotalBytes, mem_cache: sample.memCacheBytes },
    ...{ disk_used: sample.diskUsedBytes, disk_total: sample.diskTotalBytes },
  }));
  await db.run(putSandboxMetrics, { rows: JSON.stringify(rows) });
}

type MetricRow = { at: Date; cpuCount: number; cpuUsedPct: number } & Record<
  "memUsed" | "memTotal" | "memCache" | "diskUsed" | "diskTotal",
  string
>;

function toSample(row: MetricRow): SandboxSample {
  return {
    atMs: row.at.getTime(),
    cpuCount: row.cpuCount,
    cpuUsedPct: row.cpuUsedPct,
    memUsedBytes: Number(row.memUsed),
    memTotalBytes: Number(row.memTotal),
    memCacheBytes: Number(row.memCache),
    diskUsedBytes: Number(row.diskUsed),
    diskTotalBytes: Number(row.diskTotal),
  };
}

/** When a team's sandbox was first and last measured; undefined when it never was. */
export async function readSampleSpan(
  db: Queries,
  of: { teamId: string; sandboxId: string },
): Promise<{ firstMs: number; lastMs: number } | undefined> {
  const [row] = await db.run(findSandboxMetricsSpan, of);
  if (row === undefined || row.firstAt === null || row.lastAt === null) return undefined;
  return { firstMs: row.firstAt.getTime(), lastMs: row.lastAt.getTime() };
}

/** Oldest first; one per bucket that has samples, with the highest of each value. */
export async function readSandboxSamples(
  db: Queries,
  of: { teamId: string; sandboxId: string; bucketS: number } & TimeRange,
): Promise<SandboxSample[]> {
  return (await db.run(listSandboxMetrics, { ...of, limit: limits.metricRows })).map(toSample);
}

/** The newest sample of each of these that the team owns. */
export async function readLatestSamples(
  db: Queries,
  of: { teamId: string; sandboxIds: readonly string[] },
): Promise<Map<string, SandboxSample>> {
  const rows = await db.run(listLatestMetrics, { teamId: of.teamId, sandboxIds: [...of.sandboxIds] });
  return new Map(rows.map((row) => [row.sandboxId, toSample(row)]));
}

export type TeamCount = {
  readonly teamId: string;
  readonly atMs: number;
  readonly concurrent: number;
  /** Started since the count before. */
  readonly started: number;
};

/** Of several counts of one moment the highest number of sandboxes and the sum of the starts are kept. */
export async function addTeamCounts(db: Queries, counts: readonly TeamCount[]): Promise<void> {
  if (counts.length === 0) return;
  const rows = counts.map((count) => ({
    team_id: count.teamId,
    at_ms: count.atMs,
    concurrent_sandboxes: count.concurrent,
    started_sandboxes: count.started,
  }));
  await db.run(putTeamMetrics, { rows: JSON.stringify(rows) });
}

/** Oldest first; the most sandboxes of each bucket, and all its starts. */
export async function readTeamCounts(
  db: Queries,
  of: { teamId: string; bucketS: number } & TimeRange,
): Promise<{ atMs: number; concurrent: number; started: number }[]> {
  const rows = await db.run(listTeamMetrics, { ...of, limit: limits.metricRows });
  return rows.map(({ at, concurrent, started }) => ({ atMs: at.getTime(), concurrent, started }));
}

/** The highest count of the range, undefined when nothing was counted. */
export async function readTeamPeak(
  db: Queries,
  of: { teamId: string; of: "concurrent" | "started" } & TimeRange,
): Promise<{ atMs: number; value: number } | undefined> {
  const { teamId, fromMs, toMs } = of;
  const [row] = await db.run(findTeamPeak, { teamId, fromMs, toMs, byStarts: of.of === "started" });
  return row === undefined ? undefined : { atMs: row.at.getTime(), value: row.value };
}

/** Makes room for the days to come and forgets days past `limits.observationsKeptDays`. Call it at start and every few hours. */
export async function rollKept(db: Queries): Promise<void> {
  await db.run(rollObservations, { keepDays: limits.observationsKeptDays });
}
