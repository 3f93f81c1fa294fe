/** From what a client writes to a template of its own (behaviour §1.3, §1.8). */
import { type Database, type FoundTemplate, readTemplate, type Team } from "@sandlot/db";
import { isUuid, parseTemplateReference, type TemplateReference, templateFaults } from "@sandlot/domain";
import { apiFaults } from "../faults";

/** @throws Fault `template_missing`; `template_foreign`, or `template_missing` too where a foreign one's existence is nobody's business */
export async function findOwn(
  db: Database,
  of: { team: Team; input: string; foreign: "forbidden" | "missing" },
): Promise<FoundTemplate & { reference: TemplateReference }> {
  const reference = parseTemplateReference(of.input);
  const template = await readTemplate(db, { reference, ownSlug: of.team.slug });
  if (template === undefined) throw templateFaults.missing({ reference: of.input });
  if (template.teamId !== of.team.teamId) {
    throw of.foreign === "missing"
      ? templateFaults.missing({ reference: of.input })
      : templateFaults.foreign({ reference: of.input });
  }
  return { ...template, reference };
}

/** A name to be written: only into the team's own namespace. @throws Fault `api_foreign_namespace`, `template_bad_reference` */
export function parseOwnName(input: string, team: Team): TemplateReference {
  const reference = parseTemplateReference(input);
  if (reference.namespace !== undefined && reference.namespace !== team.slug) {
    throw apiFaults.foreign_namespace({ namespace: reference.namespace, slug: team.slug });
  }
  return reference;
}

/**
 * Tags to be made: trimmed, lower-cased, each once.
 * @throws Fault `api_bad_tag`, `api_uuid_tag`
 */
export function parseNewTags(tags: readonly string[]): string[] {
  const parsed = tags.map((tag) => tag.trim().toLowerCase());
  for (const tag of parsed) {
    if (isUuid(tag)) throw apiFaults.uuid_tag({});
    if (!/^[a-z0-9\-_.]{1,128}$/.test(tag)) throw apiFaults.bad_tag({ tag: tag.slice(0, 128) });
  }
  return [...new Set(parsed)];
}
