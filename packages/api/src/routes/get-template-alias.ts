import { type Database, readTemplate } from "@sandlot/db";
import { parseTemplateReference, templateFaults } from "@sandlot/domain";
import type { Handler } from "../http/handlers";

/** GET /templates/aliases/{alias} — 404 when nobody has that name, 403 when somebody else does. */
export function getTemplateAlias({ db }: { db: Database }): Handler<"getTemplateAlias"> {
  return async ({ team, path }) => {
    const reference = parseTemplateReference(path.alias);
    const template = await readTemplate(db, { reference, ownSlug: team.slug });
    if (template === undefined) throw templateFaults.missing({ reference: path.alias });
    if (template.teamId !== team.teamId && !template.isPublic) throw templateFaults.foreign({ reference: path.alias });
    return { status: 200, body: { templateID: template.templateId, public: template.isPublic } };
  };
}
