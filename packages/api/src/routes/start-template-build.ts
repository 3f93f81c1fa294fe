import type { Handler } from "../http/handlers";
import type { TemplateParts } from "../templates/parts";
import { findOwnBuild, recipeVersion, startBuild } from "../templates/start-build";

/** POST /v2/templates/{templateID}/builds/{buildID} — from a recipe. */
export function startTemplateBuildV2(parts: TemplateParts): Handler<"startTemplateBuildV2"> {
  return async ({ team, path, body, client }) => {
    const version = recipeVersion(client.userAgent);
    const build = await findOwnBuild(parts, { team, templateId: path.templateID, buildId: path.buildID });
    await startBuild(parts, { team, build, body, version });
    return { status: 202 };
  };
}

/** The name under which builders find images that were pushed here; an operator's rule leads it to the backing registry. */
export const PUSHED_IMAGES = "pushed.sandlot.internal/e2b/custom-envs";

/** POST /templates/{templateID}/builds/{buildID} — from the image that was pushed: it is the whole recipe. */
export function startTemplateBuild(parts: TemplateParts): Handler<"startTemplateBuild"> {
  return async ({ team, path }) => {
    const build = await findOwnBuild(parts, { team, templateId: path.templateID, buildId: path.buildID });
    const body = {
      fromImage: `${PUSHED_IMAGES}/${build.templateId}:${build.buildId}`,
      startCmd: build.startCmd ?? "",
      readyCmd: build.readyCmd ?? "",
    };
    await startBuild(parts, { team, build, body, version: "v1.0.0" });
    return { status: 202 };
  };
}
