import { type Database, makeKey } from "@sandlot/db";
import { authFaults } from "../faults";
import type { Handler } from "../http/handlers";

/**
 * GET /teams — those of the user, each with a key made for this very answer: a key's text is not kept, so an old one
 * could not be told. Clients log in by this call and keep what they get.
 */
export function listTeams({ db }: { db: Database }): Handler<"listTeams"> {
  return async ({ user }) => {
    if (user === undefined) throw authFaults.no_team({});
    const body = await Promise.all(
      user.teams.map(async ({ teamId, name, isDefault }) => {
        const { key } = await makeKey(db, { teamId, name: "Made by logging in", userId: user.userId });
        return { teamID: teamId, name, apiKey: key, isDefault };
      }),
    );
    return { status: 200, body };
  };
}
