import { type Database, makeKey, readTeam, removeKey } from "@sandlot/db";
import { apiFaults } from "../faults";
import type { Handler } from "../http/handlers";
import { toCreated } from "./api-keys";

type Parts = { readonly db: Database };

/** POST /admin/teams/{teamID}/api-keys — 201; 404 when there is no such team. */
export function createTeamApiKey({ db }: Parts): Handler<"createTeamApiKey"> {
  return async ({ path, body }) => {
    const team = await readTeam(db, path.teamID);
    if (team === undefined) throw apiFaults.team_missing({ teamId: path.teamID });
    const made = await makeKey(db, { teamId: team.teamId, name: body.name, userId: undefined });
    return { status: 201, body: toCreated(made, undefined) };
  };
}

/** DELETE /admin/teams/{teamID}/api-keys/{apiKeyID} — 204; 404 in plain text when that team has no such key. */
export function deleteTeamApiKey({ db }: Parts): Handler<"deleteTeamApiKey"> {
  return async ({ path }) => {
    const isFound = await removeKey(db, { teamId: path.teamID, keyId: path.apiKeyID });
    return isFound ? { status: 204 } : { status: 404, text: "id not found" };
  };
}
