/** Public keys that open a team's sandboxes by SSH. */
import type { SshPublicKey } from "@sandlot/domain";
import type { Queries } from "./database";
import { addSshKey } from "./gen/add-ssh-key";
import { deleteLapsedSshKeys } from "./gen/delete-lapsed-ssh-keys";
import { deleteSshKey } from "./gen/delete-ssh-key";
import { listSshKeys } from "./gen/list-ssh-keys";
import { useSshKey } from "./gen/use-ssh-key";

/** A team's keys; more are refused. */
const MAX_SSH_KEYS = 1_000;

export type TeamSshKey = {
  readonly keyId: string;
  readonly name: string;
  readonly fingerprint: string;
  readonly publicKey: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | undefined;
  readonly lastUsedMs: number | undefined;
};

type Row = {
  id: string;
  name: string;
  fingerprint: string;
  publicKey: string;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsed: Date | null;
};

function toKey(row: Row): TeamSshKey {
  return {
    keyId: row.id,
    name: row.name,
    fingerprint: row.fingerprint,
    publicKey: row.publicKey,
    createdAtMs: row.createdAt.getTime(),
    expiresAtMs: row.expiresAt?.getTime(),
    lastUsedMs: row.lastUsed?.getTime(),
  };
}

/** Oldest first, without those whose time is over. */
export async function readSshKeys(db: Queries, teamId: string): Promise<TeamSshKey[]> {
  return (await db.run(listSshKeys, { teamId })).map(toKey);
}

/** A key that is there already gets the new name and end; one without an end keeps none. Undefined: the team has too many. */
export async function putSshKey(
  db: Queries,
  of: { teamId: string; name: string; key: SshPublicKey; expiresAtMs: number | undefined },
): Promise<TeamSshKey | undefined> {
  const { teamId, name, key } = of;
  await db.run(deleteLapsedSshKeys, { teamId });
  const expiresAt = of.expiresAtMs === undefined ? null : new Date(of.expiresAtMs);
  const { fingerprint, text: publicKey } = key;
  const [row] = await db.run(addSshKey, { teamId, name, fingerprint, publicKey, expiresAt, max: MAX_SSH_KEYS });
  return row && toKey(row);
}

/** @returns whether the team had such a key */
export async function removeSshKey(db: Queries, of: { teamId: string; keyId: string }): Promise<boolean> {
  return (await db.run(deleteSshKey, of)).length > 0;
}

/** @returns whether the key opens the team's sandboxes now; notes the use */
export async function isSshKeyOf(db: Queries, of: { teamId: string; fingerprint: string }): Promise<boolean> {
  return (await db.run(useSshKey, of)).length > 0;
}
