/** API keys of a team. Only hashes and masks are kept; a key's text exists in the answer that made it. */
import { randomBytes } from "node:crypto";
import { hashApiKey, type KeyMask, maskApiKey, newApiKey } from "@sandlot/domain";
import type { Queries } from "./database";
import { addApiKey } from "./gen/add-api-key";
import { deleteApiKey } from "./gen/delete-api-key";
import { listApiKeys } from "./gen/list-api-keys";
import { renameApiKey } from "./gen/rename-api-key";

export type Creator = { readonly userId: string; readonly email: string | undefined };
export type TeamKey = {
  readonly keyId: string;
  readonly name: string;
  readonly mask: KeyMask;
  readonly createdAtMs: number;
  readonly createdBy: Creator | undefined;
  readonly lastUsedMs: number | undefined;
};

/** Oldest first. */
export async function readKeys(db: Queries, teamId: string): Promise<TeamKey[]> {
  const rows = await db.run(listApiKeys, { teamId });
  return rows.map((row) => ({
    keyId: row.id,
    name: row.name,
    mask: {
      prefix: row.prefix,
      valueLength: row.length,
      maskedValuePrefix: row.maskPrefix,
      maskedValueSuffix: row.maskSuffix,
    },
    createdAtMs: row.createdAt.getTime(),
    createdBy: row.creatorId === null ? undefined : { userId: row.creatorId, email: row.creatorEmail ?? undefined },
    lastUsedMs: row.lastUsed?.getTime(),
  }));
}

export type MadeKey = Pick<TeamKey, "keyId" | "name" | "mask" | "createdAtMs"> & {
  /** The whole key; cannot be had again. */
  readonly key: string;
};

export async function makeKey(
  db: Queries,
  of: { teamId: string; name: string; userId: string | undefined },
): Promise<MadeKey> {
  const key = newApiKey((sizeBytes) => randomBytes(sizeBytes));
  const mask = maskApiKey(key);
  const [row] = await db.run(addApiKey, {
    teamId: of.teamId,
    name: of.name,
    userId: of.userId ?? null,
    keyHash: hashApiKey(key) ?? "",
    ...{ prefix: mask.prefix, length: mask.valueLength },
    ...{ maskPrefix: mask.maskedValuePrefix, maskSuffix: mask.maskedValueSuffix },
  });
  if (row === undefined) throw new Error("adding a key returned no row");
  return { keyId: row.id, name: of.name, mask, createdAtMs: row.createdAt.getTime(), key };
}

/** @returns whether the team has such a key */
export async function renameKey(db: Queries, of: { teamId: string; keyId: string; name: string }): Promise<boolean> {
  return (await db.run(renameApiKey, of)).length > 0;
}

/** @returns whether the team had such a key */
export async function removeKey(db: Queries, of: { teamId: string; keyId: string }): Promise<boolean> {
  return (await db.run(deleteApiKey, of)).length > 0;
}
