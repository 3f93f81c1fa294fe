import { readBuildsPage, readTemplateFacts } from "@sandlot/db";
import { parseCursor, templateFaults, writeCursor } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import type { TemplateParts } from "../templates/parts";
import { sayNames } from "../templates/register";
import { BUILD_STATUS } from "./get-template-build";

const NO_ID = "00000000-0000-0000-0000-000000000000";

/** GET /templates/{templateID} — by its id alone; its builds newest first, in pages. */
export function getTemplate({ db, clock }: TemplateParts): Handler<"getTemplate"> {
  return async ({ team, path, query }) => {
    const facts = await readTemplateFacts(db, path.templateID);
    if (facts === undefined) throw templateFaults.missing({ reference: path.templateID });
    if (facts.teamId !== team.teamId) throw templateFaults.foreign({ reference: path.templateID });
    const after = query.nextToken === undefined ? undefined : parseCursor(query.nextToken, "desc");
    const limit = query.limit ?? 100;
    const from = { beforeMs: after?.atMs ?? clock.nowMs() + 60_000, afterId: after?.id ?? NO_ID };
    const found = await readBuildsPage(db, { templateId: facts.templateId, ...from, limit: limit + 1 });
    const builds = found.slice(0, limit);
    const last = builds.at(-1);
    const next =
      found.length > limit && last !== undefined
        ? writeCursor({ atMs: last.createdAtMs, id: last.buildId, order: "desc" })
        : undefined;
    const iso = (ms: number): string => new Date(ms).toISOString();
    return {
      status: 200,
      ...(next === undefined ? {} : { headers: { "X-Next-Token": next } }),
      body: {
        ...{ templateID: facts.templateId, public: facts.isPublic, spawnCount: facts.spawnCount },
        ...sayNames(facts.names),
        ...{ createdAt: iso(facts.createdAtMs), updatedAt: iso(facts.updatedAtMs) },
        lastSpawnedAt: facts.lastSpawnedAtMs === undefined ? null : iso(facts.lastSpawnedAtMs),
        builds: builds.map((build) => ({
          ...{ buildID: build.buildId, status: BUILD_STATUS[build.state] },
          ...{ createdAt: iso(build.createdAtMs), updatedAt: iso(build.updatedAtMs) },
          ...(build.finishedAtMs === undefined ? {} : { finishedAt: iso(build.finishedAtMs) }),
          ...{ cpuCount: build.cpuCount, memoryMB: build.memoryMiB },
          ...(build.diskMiB === undefined ? {} : { diskSizeMB: build.diskMiB }),
          ...(build.envdVersion === undefined ? {} : { envdVersion: build.envdVersion }),
        })),
      },
    };
  };
}
