import { publishTemplate } from "@sandlot/db";
import type { Handler } from "../http/handlers";
import { findOwn } from "../templates/find-template";
import type { TemplateParts } from "../templates/parts";
import { sayNames } from "../templates/register";

/** PATCH /templates/{templateID} — answers the word `null`, as upstream does; publishing claims the bare name too. */
export function updateTemplate({ db }: TemplateParts): Handler<"updateTemplate"> {
  return async ({ team, path, body }) => {
    const { templateId } = await findOwn(db, { team, input: path.templateID, foreign: "forbidden" });
    if (body.public !== undefined) await publishTemplate(db, { templateId, isPublic: body.public, claimBare: true });
    return { status: 200, body: null };
  };
}

/** PATCH /v2/templates/{templateID} */
export function updateTemplateV2({ db }: TemplateParts): Handler<"updateTemplateV2"> {
  return async ({ team, path, body }) => {
    const { templateId, isPublic } = await findOwn(db, { team, input: path.templateID, foreign: "forbidden" });
    const names = await publishTemplate(db, { templateId, isPublic: body.public ?? isPublic, claimBare: false });
    return { status: 200, body: { names: sayNames(names).names } };
  };
}
