import type { components } from "@sandlot/contracts/rest";
import {
  type BuildLogEntry,
  type Database,
  readBuildEntries,
  readBuildEntriesAt,
  readTemplateBuild,
  type Team,
  type TemplateBuild,
} from "@sandlot/db";
import { isUuid, templateFaults } from "@sandlot/domain";
import { apiFaults } from "../faults";
import type { Handler } from "../http/handlers";
import { limits } from "../limits";
import type { TemplateParts } from "../templates/parts";

export const BUILD_STATUS = { pending: "waiting", in_progress: "building", ready: "ready", failed: "error" } as const;

/** GET …/builds/{buildID}/status — where it stands, and the log from an offset on. */
export function getTemplateBuildStatus({ db }: TemplateParts): Handler<"getTemplateBuildStatus"> {
  return async ({ team, path, query }) => {
    const build = await findForReading(db, { team, templateId: path.templateID, buildId: path.buildID });
    const { buildId } = build;
    const status = BUILD_STATUS[build.state];
    // The state was read before the log: a client that is told the end gets all lines before it.
    const page = {
      buildId,
      offset: query.logsOffset ?? 0,
      limit: query.limit ?? 100,
      minLevel: query.level ?? "debug",
    };
    const entries = status === "waiting" ? [] : await readBuildEntries(db, page);
    const logEntries = entries.map(sayEntry);
    const isFirstGeneration = build.version === "v1.0.0";
    return {
      status: 200,
      body: {
        ...{ templateID: build.templateId, buildID: buildId, status },
        logs: isFirstGeneration ? logEntries.map(({ timestamp, message }) => `[${timestamp}] ${message}\n`) : [],
        logEntries,
        ...(build.reason === undefined ? {} : { reason: sayReason(build.reason, logEntries) }),
      },
    };
  };
}

/** GET …/builds/{buildID}/logs — by time. */
export function getTemplateBuildLogs({ db, clock }: TemplateParts): Handler<"getTemplateBuildLogs"> {
  return async ({ team, path, query }) => {
    const { buildId } = await findForReading(db, { team, templateId: path.templateID, buildId: path.buildID });
    const direction = query.direction ?? "forward";
    const nowMs = clock.nowMs();
    const cursorMs = query.cursor ?? (direction === "forward" ? nowMs - limits.logWindowMs : nowMs + 1);
    const page = { limit: query.limit ?? 100, minLevel: query.level ?? "debug" } as const;
    const entries = await readBuildEntriesAt(db, { buildId, direction, cursorMs, ...page });
    return { status: 200, body: { logs: entries.map(sayEntry) } };
  };
}

async function findForReading(
  db: Database,
  { team, templateId, buildId }: { team: Team; templateId: string; buildId: string },
): Promise<TemplateBuild> {
  const build = isUuid(buildId) ? await readTemplateBuild(db, { templateId, buildId }) : undefined;
  if (build === undefined) throw apiFaults.build_missing({ buildId: buildId.slice(0, 80) });
  if (build.teamId !== team.teamId) throw templateFaults.foreign({ reference: templateId });
  return build;
}

type Entry = components["schemas"]["BuildLogEntry"];

function sayEntry({ atMs, level, step, message }: BuildLogEntry): Entry {
  return { timestamp: new Date(atMs).toISOString(), level, message, ...(step === "" ? {} : { step }) };
}

/** With the warnings and errors of that step, as far as they are on this page. */
function sayReason(
  { message, step }: { message: string; step: string },
  page: readonly Entry[],
): components["schemas"]["BuildStatusReason"] {
  const logEntries = page.filter((entry) => entry.step === step && (entry.level === "warn" || entry.level === "error"));
  return { message, logEntries, ...(step === "" ? {} : { step }) };
}
