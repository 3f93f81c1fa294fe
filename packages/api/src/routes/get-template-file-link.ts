import { readTemplateFacts } from "@sandlot/db";
import { templateFaults } from "@sandlot/domain";
import { apiFaults } from "../faults";
import type { Handler } from "../http/handlers";
import { limits } from "../limits";
import type { TemplateParts } from "../templates/parts";
import { pickBuilder } from "../templates/start-build";
import { uploadLink } from "../templates/upload-link";

/** GET /templates/{templateID}/files/{hash} — whether the files are there, and a link for them either way. */
export function getTemplateFileLink(parts: TemplateParts): Handler<"getTemplateFileLink"> {
  return async ({ team, path, client }) => {
    if (!/^[0-9a-f]{64}$/.test(path.hash)) throw apiFaults.bad_hash({});
    const { templateID: templateId, hash } = path;
    const template = await readTemplateFacts(parts.db, templateId);
    if (template === undefined) throw templateFaults.missing({ reference: templateId });
    if (template.teamId !== team.teamId) throw templateFaults.foreign({ reference: templateId });
    const builder = pickBuilder(parts.nodes.ready());
    const asked = { templateId, hash, cacheScope: team.teamId };
    const { present, url } = await builder.templates.initLayerFileUpload(asked, { timeoutMs: limits.updateMs });
    const link = {
      seed: parts.tokenSeed,
      origin: client.origin,
      teamId: team.teamId,
      hash,
      nowMs: parts.clock.nowMs(),
    };
    return { status: 201, body: { present, url: url === "" ? uploadLink(link) : url } };
  };
}
