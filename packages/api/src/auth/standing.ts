/** What a team that was banned or blocked may still do (behaviour §1.2). */
import type { Team } from "@sandlot/db";
import { authFaults } from "../faults";
import type { OperationSpec } from "../http/document";

/** Reading and cleaning up stay open to a blocked team. */
const OPEN_TO_BLOCKED = new Set([
  ...["GET /api-keys", "GET /sandboxes", "GET /sandboxes/metrics", "GET /sandboxes/{sandboxID}"],
  ...[
    "GET /sandboxes/{sandboxID}/logs",
    "GET /sandboxes/{sandboxID}/metrics",
    "GET /secrets",
    "GET /secrets/{secretID}",
  ],
  ...["GET /snapshots", "GET /teams/{teamID}/metrics", "GET /teams/{teamID}/metrics/max", "GET /templates"],
  ...["GET /templates/{templateID}", "GET /templates/{templateID}/tags", "GET /templates/aliases/{alias}"],
  ...["GET /templates/{templateID}/builds/{buildID}/logs", "GET /templates/{templateID}/builds/{buildID}/status"],
  ...["GET /v2/sandboxes", "GET /v2/templates", "GET /v2/sandboxes/{sandboxID}/logs", "GET /volumes"],
  ...["GET /volumes/{volumeID}", "DELETE /sandboxes/{sandboxID}", "DELETE /templates/{templateID}"],
  ...["DELETE /templates/tags", "DELETE /volumes/{volumeID}", "DELETE /api-keys/{apiKeyID}"],
]);

/** @throws Fault `auth_banned`, `auth_blocked` */
export function assertTeamMayCall(team: Team, operation: Pick<OperationSpec, "method" | "path">): void {
  if (team.isBanned) throw authFaults.banned({});
  if (team.isBlocked && !OPEN_TO_BLOCKED.has(`${operation.method} ${operation.path}`)) {
    throw authFaults.blocked({ reason: team.blockedReason });
  }
}
