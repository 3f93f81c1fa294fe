import type { components } from "@sandlot/contracts/rest";
import { apiFaults } from "../faults";
import type { Handler } from "../http/handlers";
import { findOwn } from "../templates/find-template";
import type { TemplateParts } from "../templates/parts";
import { type Registered, register, sayNames } from "../templates/register";

/** POST /v3/templates — a new template, or a new build of the one that has the name. */
export function createTemplateV3(parts: TemplateParts): Handler<"createTemplateV3"> {
  return async ({ team, body }) => {
    const name = body.name ?? body.alias;
    if (name === undefined || name.trim() === "") throw apiFaults.invalid({ problem: "body must have a name" });
    const { cpuCount, memoryMB } = body;
    const made = await register(parts, { team, name, tags: body.tags ?? [], teamId: body.teamID, cpuCount, memoryMB });
    return {
      status: 202,
      body: {
        templateID: made.templateId,
        buildID: made.buildId,
        public: made.isPublic,
        ...sayNames(made.names),
        tags: [...made.tags],
      },
    };
  };
}

/** POST /v2/templates */
export function createTemplateV2(parts: TemplateParts): Handler<"createTemplateV2"> {
  return async ({ team, body: { alias, teamID, cpuCount, memoryMB } }) => {
    const made = await register(parts, { team, name: alias, tags: [], teamId: teamID, cpuCount, memoryMB });
    return { status: 202, body: sayLegacy(made) };
  };
}

/** POST /templates — the image itself comes by `docker push`. */
export function createTemplateV1(parts: TemplateParts): Handler<"createTemplateV1"> {
  return async ({ team, body }) => {
    const { alias, teamID, cpuCount, memoryMB, dockerfile, startCmd, readyCmd } = body;
    const asked = { cpuCount, memoryMB, dockerfile, startCmd, readyCmd };
    return {
      status: 202,
      body: sayLegacy(await register(parts, { team, name: alias, tags: [], teamId: teamID, ...asked })),
    };
  };
}

/** POST /templates/{templateID} — another build of a template by its id. */
export function rebuildTemplate(parts: TemplateParts): Handler<"rebuildTemplate"> {
  return async ({ team, path, body }) => {
    const { alias, teamID, cpuCount, memoryMB, dockerfile, startCmd, readyCmd } = body;
    // A name is taken too; an id goes on unlooked at, so that a deleted template's answer says that it was deleted.
    const isId = /^[a-z0-9]{20}$/.test(path.templateID);
    const templateId = isId
      ? path.templateID
      : (await findOwn(parts.db, { team, input: path.templateID, foreign: "forbidden" })).templateId;
    const asked = { templateId, cpuCount, memoryMB, dockerfile, startCmd, readyCmd };
    return {
      status: 202,
      body: sayLegacy(await register(parts, { team, name: alias, tags: [], teamId: teamID, ...asked })),
    };
  };
}

/** Most numbers are zero here, as upstream has it: nothing is built yet. */
function sayLegacy(made: Registered): components["schemas"]["TemplateLegacy"] {
  const now = new Date().toISOString();
  return {
    templateID: made.templateId,
    buildID: made.buildId,
    public: made.isPublic,
    aliases: sayNames(made.names).aliases,
    ...{ cpuCount: 0, memoryMB: 0, diskSizeMB: 0, spawnCount: 0, buildCount: 0, envdVersion: "" },
    ...{ createdAt: now, updatedAt: now, createdBy: null, lastSpawnedAt: null },
  };
}
