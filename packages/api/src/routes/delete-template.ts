import { isKeptBySnapshots, removeTemplate } from "@sandlot/db";
import { templateFaults } from "@sandlot/domain";
import { apiFaults } from "../faults";
import type { Handler } from "../http/handlers";
import { limits } from "../limits";
import { cancelAll } from "../templates/build-watch";
import { findOwn } from "../templates/find-template";
import type { TemplateParts } from "../templates/parts";

/** DELETE /templates/{templateID} — by id or name; refused while sandboxes need it. Another team's is as good as none. */
export function deleteTemplate(parts: TemplateParts): Handler<"deleteTemplate"> {
  const { db, state, nodes, events } = parts;
  return async ({ team, path }) => {
    const { templateId } = await findOwn(db, { team, input: path.templateID, foreign: "missing" });
    const isRunning = (await state.sandboxes.all()).some((record) => record.templateId === templateId);
    if (isRunning) throw apiFaults.template_in_use({ templateId, how: "running" });
    if (await isKeptBySnapshots(db, templateId)) throw apiFaults.template_in_use({ templateId, how: "paused" });
    await cancelAll(parts, { which: { templateId }, why: "build was cancelled: its template was deleted" });
    const buildIds = await removeTemplate(db, templateId);
    if (buildIds === undefined) throw templateFaults.missing({ reference: path.templateID });
    // Files go behind the answer; a node that is away keeps them until somebody asks it again.
    for (const node of buildIds.length === 0 ? [] : nodes.answering()) {
      node.sandboxes
        .deleteBuilds({ buildIds }, { timeoutMs: limits.endMs })
        .catch((thrown) => events.nodeFailed({ nodeId: node.id, doing: "delete builds", thrown }));
    }
    return { status: 204 };
  };
}
