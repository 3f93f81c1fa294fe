import { assignTags, readBuild, readTags, removeTags } from "@sandlot/db";
import { templateFaults } from "@sandlot/domain";
import { apiFaults } from "../faults";
import type { Handler } from "../http/handlers";
import { findOwn, parseNewTags, parseOwnName } from "../templates/find-template";
import type { TemplateParts } from "../templates/parts";

/** POST /templates/tags — points tags at the build behind `target`. */
export function assignTemplateTags({ db }: TemplateParts): Handler<"assignTemplateTags"> {
  return async ({ team, body }) => {
    parseOwnName(body.target, team);
    const tags = parseNewTags(body.tags);
    const { templateId, reference } = await findOwn(db, { team, input: body.target, foreign: "forbidden" });
    const tag = reference.tag ?? "default";
    const build = await readBuild(db, { templateId, tag });
    if (build === undefined) throw templateFaults.tag_missing({ reference: reference.name, tag });
    await assignTags(db, { templateId, buildId: build.buildId, tags });
    return { status: 201, body: { tags, buildID: build.buildId } };
  };
}

/** DELETE /templates/tags — the builds behind them stay. */
export function deleteTemplateTags({ db }: TemplateParts): Handler<"deleteTemplateTags"> {
  return async ({ team, body }) => {
    parseOwnName(body.name, team);
    const tags = body.tags.map((tag) => tag.trim().toLowerCase());
    if (tags.includes("default")) throw apiFaults.default_tag({});
    const { templateId } = await findOwn(db, { team, input: body.name, foreign: "forbidden" });
    await removeTags(db, { templateId, tags });
    return { status: 204 };
  };
}

/** GET /templates/{templateID}/tags */
export function listTemplateTags({ db }: TemplateParts): Handler<"listTemplateTags"> {
  return async ({ team, path }) => {
    const { templateId } = await findOwn(db, { team, input: path.templateID, foreign: "forbidden" });
    const tags = await readTags(db, templateId);
    const body = tags.map(({ tag, buildId, createdAtMs }) => ({
      ...{ tag, buildID: buildId },
      createdAt: new Date(createdAtMs).toISOString(),
    }));
    return { status: 200, body };
  };
}
