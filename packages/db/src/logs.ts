/** Log lines of sandboxes, a team's own only, for `limits.observationsKeptDays`. */
import type { Queries } from "./database";
import { hasSandboxLogs } from "./gen/has-sandbox-logs";
import { listSandboxLogsBackward } from "./gen/list-sandbox-logs-backward";
import { listSandboxLogsForward } from "./gen/list-sandbox-logs-forward";
import { putSandboxLogs } from "./gen/put-sandbox-logs";
import type { TimeRange } from "./metrics";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogEntry = {
  readonly atMs: number;
  readonly level: LogLevel;
  readonly logger: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
};
export type OwnedLogEntry = LogEntry & {
  readonly sandboxId: string;
  readonly teamId: string;
  /** Together they name the line: told again, it is kept once. The source is a UUID. */
  readonly source: string;
  readonly sequence: number;
};

/** PostgreSQL's text knows neither NUL nor half a surrogate pair. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll("\u0000", "\ufffd");
}

export async function addLogEntries(db: Queries, entries: readonly OwnedLogEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const rows = entries.map((entry) => ({
    sandbox_id: entry.sandboxId,
    team_id: entry.teamId,
    at_ms: Math.round(entry.atMs),
    source: entry.source,
    sequence: entry.sequence,
    level: LOG_LEVELS.indexOf(entry.level),
    logger: storable(entry.logger),
    message: storable(entry.message),
    fields: Object.fromEntries(Object.entries(entry.fields).map(([key, value]) => [storable(key), storable(value)])),
  }));
  await db.run(putSandboxLogs, { rows: JSON.stringify(rows) });
}

export type LogQuery = TimeRange & {
  readonly teamId: string;
  readonly sandboxId: string;
  readonly direction: "forward" | "backward";
  readonly minLevel: LogLevel;
  /** Must stand in the message as it is; empty matches all. */
  readonly search: string;
  readonly limit: number;
};

/** In the direction asked for. The end of the range counts in forward, and does not in backward. */
export async function readLogEntries(db: Queries, of: LogQuery): Promise<LogEntry[]> {
  const { direction, minLevel, ...rest } = of;
  const query = direction === "forward" ? listSandboxLogsForward : listSandboxLogsBackward;
  const params = { ...rest, search: storable(of.search), minLevel: LOG_LEVELS.indexOf(minLevel) };
  const rows = await db.run(query, params);
  return rows.map((row) => ({
    atMs: row.at.getTime(),
    level: LOG_LEVELS[row.level] ?? "info",
    logger: row.logger,
    message: row.message,
    fields: row.fields as Record<string, string>,
  }));
}

export async function hasLogEntries(db: Queries, of: { teamId: string; sandboxId: string }): Promise<boolean> {
  const [row] = await db.run(hasSandboxLogs, of);
  return row?.isThere ?? false;
}
