import type { components } from "@sandlot/contracts/rest";
import { readSampleSpan, readSandboxSamples, type SandboxSample } from "@sandlot/db";
import { bucketSeconds, parseSandboxId, requestFaults } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import { findSandbox } from "../sandboxes/find-sandbox";
import type { SandboxParts } from "../sandboxes/parts";

/**
 * GET /sandboxes/{sandboxID}/metrics — the sandbox's whole life unless a range is given; readable for days after its end.
 * A sandbox just started has no rows yet; one that the team never had is 404.
 */
export function getSandboxMetrics(parts: SandboxParts): Handler<"getSandboxMetrics"> {
  const { db, clock } = parts;
  return async ({ team, path, query }) => {
    const key = { teamId: team.teamId, sandboxId: parseSandboxId(path.sandboxID) };
    if (query.start !== undefined && query.end !== undefined && query.start > query.end) {
      throw requestFaults.bad_range({});
    }
    const span = await readSampleSpan(db, key);
    if (span === undefined) {
      await findSandbox(parts, key);
      return { status: 200, body: [] };
    }
    const fromMs = query.start === undefined ? span.firstMs : query.start * 1000;
    const toMs = query.end === undefined ? Math.min(clock.nowMs(), span.lastMs + 1) : query.end * 1000;
    // What lies outside its life needs no buckets.
    const rangeS = Math.min(toMs, span.lastMs) / 1000 - Math.max(fromMs, span.firstMs) / 1000;
    const bucketS = bucketSeconds(
      query.start === undefined && query.end === undefined ? rangeS : (toMs - fromMs) / 1000,
    );
    return { status: 200, body: (await readSandboxSamples(db, { ...key, fromMs, toMs, bucketS })).map(toMetric) };
  };
}

export function toMetric(sample: SandboxSample): components["schemas"]["SandboxMetric"] {
  return {
    timestamp: new Date(sample.atMs).toISOString(),
    timestampUnix: Math.floor(sample.atMs / 1000),
    cpuCount: sample.cpuCount,
    cpuUsedPct: sample.cpuUsedPct,
    memUsed: sample.memUsedBytes,
    memTotal: sample.memTotalBytes,
    memCache: sample.memCacheBytes,
    diskUsed: sample.diskUsedBytes,
    diskTotal: sample.diskTotalBytes,
  };
}
