/** Keys that workload tokens are signed with; private halves are sealed. */
import type { Database, Queries } from "./database";
import { addFirstIdentityKey } from "./gen/add-first-identity-key";
import { listIdentityKeys } from "./gen/list-identity-keys";
import { lockIdentityKeys } from "./gen/lock-identity-keys";

export type IdentityKey = {
  readonly keyId: string;
  readonly publicJwk: Readonly<Record<string, unknown>>;
  readonly sealed: string;
};

/** Newest first: that one signs. */
export async function readIdentityKeys(db: Queries): Promise<IdentityKey[]> {
  const rows = await db.run(listIdentityKeys, undefined);
  return rows.map(({ id, publicJwk, sealed }) => ({
    keyId: id,
    publicJwk: publicJwk as Record<string, unknown>,
    sealed,
  }));
}

/** Those there are; `make` is asked for one when there is none. Any number may call it at once. */
export async function ensureIdentityKeys(db: Database, make: () => Promise<IdentityKey>): Promise<IdentityKey[]> {
  const found = await readIdentityKeys(db);
  if (found.length > 0) return found;
  const { keyId, publicJwk, sealed } = await make();
  return await db.transaction(async (queries) => {
    await queries.run(lockIdentityKeys, undefined);
    await queries.run(addFirstIdentityKey, { id: keyId, publicJwk: JSON.stringify(publicJwk), sealed });
    return await readIdentityKeys(queries);
  });
}
