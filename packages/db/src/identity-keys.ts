/** Keys that workload tokens are signed with; private halves are sealed. */
import type { Database, Queries } from "./database";
import { addFirstIdentityKey } from "./gen/add-first-identity-key";
import { addIdentityKey } from "./gen/add-identity-key";
import { deleteIdentityKey } from "./gen/delete-identity-key";
import { listIdentityKeys } from "./gen/list-identity-keys";
import { lockIdentityKeys } from "./gen/lock-identity-keys";

export type IdentityKey = {
  readonly keyId: string;
  readonly publicJwk: Readonly<Record<string, unknown>>;
  readonly sealed: string;
};

export type KeptIdentityKey = IdentityKey & { readonly createdAtMs: number };

/** Newest first. */
export async function readIdentityKeys(db: Queries): Promise<KeptIdentityKey[]> {
  const rows = await db.run(listIdentityKeys, undefined);
  return rows.map(({ id, publicJwk, sealed, createdAt }) => ({
    keyId: id,
    publicJwk: publicJwk as Record<string, unknown>,
    sealed,
    createdAtMs: createdAt.getTime(),
  }));
}

/** Those there are; `make` is asked for one when there is none. Any number may call it at once. */
export async function ensureIdentityKeys(db: Database, make: () => Promise<IdentityKey>): Promise<KeptIdentityKey[]> {
  const found = await readIdentityKeys(db);
  if (found.length > 0) return found;
  const { keyId, publicJwk, sealed } = await make();
  return await db.transaction(async (queries) => {
    await queries.run(lockIdentityKeys, undefined);
    await queries.run(addFirstIdentityKey, { id: keyId, publicJwk: JSON.stringify(publicJwk), sealed });
    return await readIdentityKeys(queries);
  });
}

/**
 * Adds a key and removes those that `isOver` says are of no more use, all at once. Two at the same time wait for each other.
 * @returns the keys there are then, newest first
 */
export async function replaceIdentityKeys(
  db: Database,
  of: { key: IdentityKey; isOver: (key: KeptIdentityKey, all: readonly KeptIdentityKey[]) => boolean },
): Promise<KeptIdentityKey[]> {
  return await db.transaction(async (queries) => {
    await queries.run(lockIdentityKeys, undefined);
    const before = await readIdentityKeys(queries);
    for (const key of before.filter((one) => of.isOver(one, before))) {
      await queries.run(deleteIdentityKey, { id: key.keyId });
    }
    const { keyId, publicJwk, sealed } = of.key;
    await queries.run(addIdentityKey, { id: keyId, publicJwk: JSON.stringify(publicJwk), sealed });
    return await readIdentityKeys(queries);
  });
}
