import type { components } from "@sandlot/contracts/rest";
import { hasLogEntries, type LogEntry, readLogEntries } from "@sandlot/db";
import { parseSandboxId, sandboxFaults } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import { limits } from "../limits";
import { findPaused } from "../sandboxes/find-sandbox";
import type { SandboxParts } from "../sandboxes/parts";

type Schemas = components["schemas"];
type Key = { teamId: string; sandboxId: string };

/** GET /sandboxes/{sandboxID}/logs — oldest first, each also as one line of JSON for old clients. */
export function getSandboxLogs(parts: SandboxParts): Handler<"getSandboxLogs"> {
  return async ({ team, path, query }) => {
    const key = { teamId: team.teamId, sandboxId: parseSandboxId(path.sandboxID) };
    const nowMs = parts.clock.nowMs();
    const range = { fromMs: query.start ?? nowMs - limits.logWindowMs, toMs: nowMs + 1_000 };
    const limit = query.limit ?? limits.logLinesDefault;
    const rest = { direction: "forward", minLevel: "debug", search: "" } as const;
    const entries = await readLogEntries(parts.db, { ...key, ...range, ...rest, limit });
    if (entries.length === 0) await assertKnown(parts, key);
    return { status: 200, body: { logs: entries.map(toLog), logEntries: entries.map(toEntry) } };
  };
}

/** GET /v2/sandboxes/{sandboxID}/logs — newest first unless asked otherwise, from or up to the cursor, over at most 7 days. */
export function getSandboxLogsV2(parts: SandboxParts): Handler<"getSandboxLogsV2"> {
  return async ({ team, path, query }) => {
    const key = { teamId: team.teamId, sandboxId: parseSandboxId(path.sandboxID) };
    const { direction = "backward", level = "debug", search = "", limit = limits.logLinesDefault } = query;
    const nowMs = parts.clock.nowMs();
    const cursor = query.cursor ?? (direction === "forward" ? nowMs - limits.logWindowMs : nowMs + 1_000);
    const range =
      direction === "forward"
        ? { fromMs: cursor, toMs: cursor + limits.logWindowMs }
        : { fromMs: cursor - limits.logWindowMs, toMs: cursor };
    const entries = await readLogEntries(parts.db, { ...key, ...range, direction, minLevel: level, search, limit });
    if (entries.length === 0) await assertKnown(parts, key);
    return { status: 200, body: { logs: entries.map(toEntry) } };
  };
}

/** No lines may be because of the filter, or because they are still on their way. @throws Fault `sandbox_missing` */
async function assertKnown(parts: SandboxParts, key: Key): Promise<void> {
  if ((await parts.state.sandboxes.read(key)) !== undefined || (await hasLogEntries(parts.db, key))) return;
  if ((await findPaused(parts, key)) !== undefined) return;
  throw sandboxFaults.missing({ sandboxId: key.sandboxId });
}

function toEntry({ atMs, level, logger, message, fields }: LogEntry): Schemas["SandboxLogEntry"] {
  return { timestamp: new Date(atMs).toISOString(), message, level, fields: { ...fields, logger } };
}

/** Whatever a line holds, it is one JSON text; its fields cannot pass for level, logger or message. */
function toLog({ atMs, level, logger, message, fields }: LogEntry): Schemas["SandboxLog"] {
  return { timestamp: new Date(atMs).toISOString(), line: JSON.stringify({ ...fields, logger, level, message }) };
}
