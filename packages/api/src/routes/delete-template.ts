import { isKeptBySnapshots, readTags, removeSnapshotTag, removeTemplate } from "@sandlot/db";
import { type TemplateReference, templateFaults } from "@sandlot/domain";
import { apiFaults } from "../faults";
import type { Handler } from "../http/handlers";
import { limits } from "../limits";
import type { SandboxParts } from "../sandboxes/parts";
import { cancelAll } from "../templates/build-watch";
import { findOwn } from "../templates/find-template";
import type { TemplateParts } from "../templates/parts";

type Parts = TemplateParts & Pick<SandboxParts, "collector">;

/**
 * DELETE /templates/{templateID} — by id or name; refused while sandboxes need it. Another team's is as good as none. The id of
 * a snapshot ends in its tag: where there are more, only that one goes.
 */
export function deleteTemplate(parts: Parts): Handler<"deleteTemplate"> {
  const { db, state, nodes, events } = parts;
  return async ({ team, path }) => {
    const { templateId, reference } = await findOwn(db, { team, input: path.templateID, foreign: "missing" });
    if (reference.tag !== undefined && (await removeTag(parts, { templateId, reference }))) return { status: 204 };
    const isRunning = (await state.sandboxes.all()).some((record) => record.templateId === templateId);
    if (isRunning) throw apiFaults.template_in_use({ templateId, how: "running" });
    if (await isKeptBySnapshots(db, templateId)) throw apiFaults.template_in_use({ templateId, how: "paused" });
    await cancelAll(parts, { which: { templateId }, why: "build was cancelled: its template was deleted" });
    const buildIds = await removeTemplate(db, templateId);
    if (buildIds === undefined) throw templateFaults.missing({ reference: path.templateID });
    parts.collector.look();
    // Files go behind the answer; a node that is away keeps them until somebody asks it again.
    for (const node of buildIds.length === 0 ? [] : nodes.answering()) {
      node.sandboxes
        .deleteBuilds({ buildIds }, { timeoutMs: limits.endMs })
        .catch((thrown) => events.nodeFailed({ nodeId: node.id, doing: "delete builds", thrown }));
    }
    return { status: 204 };
  };
}

/** @returns false when it is the template's only tag @throws Fault `template_tag_missing` */
async function removeTag(
  { db, collector }: Parts,
  { templateId, reference }: { templateId: string; reference: TemplateReference },
): Promise<boolean> {
  const { name, tag = "default" } = reference;
  const tags = new Set((await readTags(db, templateId)).map((one) => one.tag));
  if (!tags.has(tag)) throw templateFaults.tag_missing({ reference: name, tag });
  if (tags.size === 1) return false;
  await removeSnapshotTag(db, { templateId, tag });
  collector.look();
  return true;
}
