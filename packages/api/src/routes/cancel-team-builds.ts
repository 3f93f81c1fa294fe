import type { Handler } from "../http/handlers";
import { cancelAll } from "../templates/build-watch";
import type { TemplateParts } from "../templates/parts";

/** POST /admin/teams/{teamID}/builds/cancel — waiting and running ones. */
export function cancelTeamBuilds(parts: TemplateParts): Handler<"cancelTeamBuilds"> {
  return async ({ path }) => {
    const teamId = path.teamID.toLowerCase();
    const { cancelled, failed } = await cancelAll(parts, { which: { teamId }, why: "cancelled by admin" });
    return { status: 200, body: { cancelledCount: cancelled, failedCount: failed } };
  };
}
