import { type Database, makeAccessToken, readTeamOwner, removeAccessToken } from "@sandlot/db";
import { apiFaults } from "../faults";
import type { Handler } from "../http/handlers";

type Parts = { readonly db: Database };

/** POST /access-tokens — for the owner of the team that the administrator acts as. 201 with the token, this once. */
export function createAccessToken({ db }: Parts): Handler<"createAccessToken"> {
  return async ({ team, body }) => {
    const {
      tokenId: id,
      createdAtMs,
      ...made
    } = await makeAccessToken(db, {
      userId: await ownerOf(db, team.teamId),
      name: body.name,
    });
    return { status: 201, body: { id, ...made, createdAt: new Date(createdAtMs).toISOString() } };
  };
}

/** DELETE /access-tokens/{accessTokenID} — 204; it opens nothing from the next second on. */
export function deleteAccessToken({ db }: Parts): Handler<"deleteAccessToken"> {
  return async ({ team, path }) => {
    const userId = await ownerOf(db, team.teamId);
    const isGone = await removeAccessToken(db, { userId, tokenId: path.accessTokenID });
    return isGone ? { status: 204 } : { status: 404, text: "id not found" };
  };
}

/** @throws Fault `api_ownerless_team` */
async function ownerOf(db: Database, teamId: string): Promise<string> {
  const userId = await readTeamOwner(db, teamId);
  if (userId === undefined) throw apiFaults.ownerless_team({});
  return userId;
}
