/** Brings what nodes measured and read into the database. Nothing is lost by a restart of the api: nodes keep the newest. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { SandboxLogLine, SandboxSample } from "@sandlot/contracts/orchestrator";
import { addLogEntries, addSandboxSamples, type Database, LOG_LEVELS, type LogLevel } from "@sandlot/db";
import { isUuid } from "@sandlot/domain";
import { every } from "@sandlot/lifetime";
import { limits } from "../limits";
import type { Node } from "../nodes/node";
import type { NodeRegistry } from "../nodes/registry";

type Place = { readonly runId: string; readonly after: bigint };

export function startCollector(of: {
  db: Database;
  nodes: Pick<NodeRegistry, "answering">;
  onError: (thrown: unknown, nodeId: string) => void;
}): AsyncDisposable {
  const places = new Map<Node, Place>();
  return every(
    limits.observeMs,
    async (signal) => {
      await Promise.all(
        of.nodes
          .answering()
          .map((node) => collect(of.db, node, places, signal).catch((thrown) => of.onError(thrown, node.id))),
      );
    },
    (thrown) => of.onError(thrown, ""),
  );
}

/** Moves on only when what was answered is stored, so that a database that is away costs nothing but time. */
async function collect(db: Database, node: Node, places: Map<Node, Place>, signal: AbortSignal): Promise<void> {
  for (;;) {
    const place = places.get(node) ?? { runId: "", after: 0n };
    const answer = await node.sandboxes.observe(place, { timeoutMs: limits.updateMs, signal });
    const { runId, next, newest, samples, lines } = answer;
    await addSandboxSamples(db, samples.filter(isOwned).map(toSample));
    await addLogEntries(
      db,
      lines.filter(isOwned).map((line) => toEntry(line, runId)),
    );
    places.set(node, { runId, after: next });
    if (next >= newest) return;
  }
}

/** A sandbox without a proper team could not be read about by anybody, and would spoil the batch. */
function isOwned({ teamId, at }: SandboxSample | SandboxLogLine): boolean {
  return isUuid(teamId) && at !== undefined;
}

const msOf = (at: Timestamp | undefined): number => (at === undefined ? 0 : timestampMs(at));

function toSample(sample: SandboxSample) {
  return {
    sandboxId: sample.sandboxId,
    teamId: sample.teamId,
    atMs: msOf(sample.at),
    cpuCount: Number(sample.cpuCount),
    cpuUsedPct: sample.cpuUsedPct,
    memUsedBytes: Number(sample.memoryUsedBytes),
    memTotalBytes: Number(sample.memoryTotalBytes),
    memCacheBytes: Number(sample.memoryCacheBytes),
    diskUsedBytes: Number(sample.diskUsedBytes),
    diskTotalBytes: Number(sample.diskTotalBytes),
  };
}

function toEntry(line: SandboxLogLine, source: string) {
  const { sandboxId, teamId, logger, message, fields } = line;
  const level = LOG_LEVELS.find((name) => name === line.level) ?? ("info" satisfies LogLevel);
  return {
    sandboxId,
    teamId,
    logger,
    message,
    fields,
    level,
    atMs: msOf(line.at),
    source,
    sequence: Number(line.sequence),
  };
}
