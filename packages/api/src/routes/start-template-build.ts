import type { Handler } from "../http/handlers";
import type { TemplateParts } from "../templates/parts";
import { pushedImage } from "../templates/pushed-image";
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

/** POST /templates/{templateID}/builds/{buildID} — from the image that was pushed: it is the whole recipe. */
export function startTemplateBuild(parts: TemplateParts): Handler<"startTemplateBuild"> {
  return async ({ team, path }) => {
    const build = await findOwnBuild(parts, { team, templateId: path.templateID, buildId: path.buildID });
    const body = {
      fromImage: pushedImage(build),
      startCmd: build.startCmd ?? "",
      readyCmd: build.readyCmd ?? "",
    };
    await startBuild(parts, { team, build, body, version: "v1.0.0" });
    return { status: 202 };
  };
}
