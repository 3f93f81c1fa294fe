/** Users, their access tokens and their teams. */
import { randomBytes } from "node:crypto";
import { hashAccessToken, type KeyMask, maskAccessToken, newAccessToken } from "@sandlot/domain";
import type { Queries } from "./database";
import { addAccessToken } from "./gen/add-access-token";
import { deleteAccessToken } from "./gen/delete-access-token";
import { findTeamOwner } from "./gen/find-team-owner";
import { findUserByTokenHash } from "./gen/find-user-by-token-hash";
import { listTeamsOfUser } from "./gen/list-teams-of-user";

export type User = { readonly userId: string; readonly email: string };
export type Membership = { readonly teamId: string; readonly name: string; readonly isDefault: boolean };

export async function readUserByTokenHash(db: Queries, tokenHash: string): Promise<User | undefined> {
  return (await db.run(findUserByTokenHash, { tokenHash }))[0];
}

/** The default one first. */
export async function readMemberships(db: Queries, userId: string): Promise<Membership[]> {
  return await db.run(listTeamsOfUser, { userId });
}

/** Who has been in the team for the longest time. */
export async function readTeamOwner(db: Queries, teamId: string): Promise<string | undefined> {
  return (await db.run(findTeamOwner, { teamId }))[0]?.userId;
}

export type MadeToken = {
  readonly tokenId: string;
  readonly name: string;
  /** The whole token; cannot be had again. */
  readonly token: string;
  readonly mask: KeyMask;
  readonly createdAtMs: number;
};

/** @param token one that exists already, `sk_e2b_` and hex digits; else a new one is made. Adding it again changes nothing. */
export async function makeAccessToken(
  db: Queries,
  of: { userId: string; name: string; token?: string },
): Promise<MadeToken> {
  const { userId, name, token = newAccessToken((sizeBytes) => randomBytes(sizeBytes)) } = of;
  const tokenHash = hashAccessToken(token);
  if (tokenHash === undefined) throw new Error("an access token must be sk_e2b_ and hex digits");
  const mask = maskAccessToken(token);
  const [row] = await db.run(addAccessToken, {
    ...{ userId, name, tokenHash, prefix: mask.prefix, length: mask.valueLength },
    ...{ maskPrefix: mask.maskedValuePrefix, maskSuffix: mask.maskedValueSuffix },
  });
  if (row === undefined) throw new Error("adding an access token returned no row");
  return { tokenId: row.id, name, token, mask, createdAtMs: row.createdAt.getTime() };
}

/** @returns whether the user had such a token */
export async function removeAccessToken(db: Queries, of: { userId: string; tokenId: string }): Promise<boolean> {
  return (await db.run(deleteAccessToken, of)).length > 0;
}
