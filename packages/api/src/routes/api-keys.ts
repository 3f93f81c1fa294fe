import type { components } from "@sandlot/contracts/rest";
import { type Creator, type Database, type MadeKey, makeKey, readKeys, removeKey, renameKey } from "@sandlot/db";
import type { Handler } from "../http/handlers";

type Parts = { readonly db: Database };
type Schemas = components["schemas"];

const NOT_FOUND = { status: 404, text: "id not found" } as const;

/** GET /api-keys — with masks; a key's text is told only when it is made. */
export function listApiKeys({ db }: Parts): Handler<"listApiKeys"> {
  return async ({ team }) => {
    const keys = await readKeys(db, team.teamId);
    const body = keys.map(({ keyId, name, mask, createdAtMs, createdBy, lastUsedMs }) => ({
      ...{ id: keyId, name, mask, createdAt: new Date(createdAtMs).toISOString(), createdBy: toUser(createdBy) },
      lastUsed: lastUsedMs === undefined ? null : new Date(lastUsedMs).toISOString(),
    }));
    return { status: 200, body };
  };
}

/** POST /api-keys — 201; opens doors at once. */
export function createApiKey({ db }: Parts): Handler<"createApiKey"> {
  return async ({ team, user, body }) => {
    const { name } = body;
    const createdBy = user && { userId: user.userId, email: user.email };
    const made = await makeKey(db, { teamId: team.teamId, name, userId: user?.userId });
    return { status: 201, body: toCreated(made, createdBy) };
  };
}

/** PATCH /api-keys/{apiKeyID} — 202, as clients know it. */
export function updateApiKey({ db }: Parts): Handler<"updateApiKey"> {
  return async ({ team, path, body }) => {
    const isFound = await renameKey(db, { teamId: team.teamId, keyId: path.apiKeyID, name: body.name });
    return isFound ? { status: 202 } : NOT_FOUND;
  };
}

/** DELETE /api-keys/{apiKeyID} — 204; a call with it is refused from the next second on. */
export function deleteApiKeyRoute({ db }: Parts): Handler<"deleteApiKey"> {
  return async ({ team, path }) => {
    const isFound = await removeKey(db, { teamId: team.teamId, keyId: path.apiKeyID });
    return isFound ? { status: 204 } : NOT_FOUND;
  };
}

export function toCreated(made: MadeKey, createdBy: Creator | undefined): Schemas["CreatedTeamAPIKey"] {
  const { keyId: id, name, key, mask, createdAtMs } = made;
  const createdAt = new Date(createdAtMs).toISOString();
  return { id, name, key, mask, createdAt, createdBy: toUser(createdBy), lastUsed: null };
}

function toUser(creator: Creator | undefined): Schemas["TeamUser"] | null {
  return creator === undefined ? null : { id: creator.userId, email: creator.email ?? null };
}
