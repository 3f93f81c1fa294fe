import { readBuild, setRuntimesOfTemplate } from "@sandlot/db";
import type { Handler } from "../http/handlers";
import { findOwn } from "../templates/find-template";
import type { TemplateParts } from "../templates/parts";

/** GET /templates/{templateID}/runtimes — what its sandboxes are to run on, and what its default build was made for. */
export function getTemplateRuntimes({ db }: TemplateParts): Handler<"getTemplateRuntimes"> {
  return async ({ team, path }) => {
    const { templateId, runtimes } = await findOwn(db, { team, input: path.templateID, foreign: "forbidden" });
    return { status: 200, body: await describe(db, templateId, runtimes) };
  };
}

/** PUT /templates/{templateID}/runtimes — new sandboxes and builds follow it; what runs, and what is built, stays as it is. */
export function setTemplateRuntimes({ db }: TemplateParts): Handler<"setTemplateRuntimes"> {
  return async ({ team, path, body }) => {
    const { templateId } = await findOwn(db, { team, input: path.templateID, foreign: "forbidden" });
    const runtimes = body.runtimes.length === 0 ? undefined : [...new Set(body.runtimes)];
    await setRuntimesOfTemplate(db, { templateId, runtimes });
    return { status: 200, body: await describe(db, templateId, runtimes) };
  };
}

async function describe(
  db: TemplateParts["db"],
  templateId: string,
  runtimes: Awaited<ReturnType<typeof findOwn>>["runtimes"],
) {
  const build = await readBuild(db, { templateId, tag: "default" });
  return { templateID: templateId, runtimes: [...(runtimes ?? [])], builtFor: [...(build?.runtimes ?? [])] };
}
