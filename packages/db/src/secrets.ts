/** A team's secrets. Values come and go sealed: neither this package nor the server can read one. */
import { randomBytes } from "node:crypto";
import { MAX_SECRETS } from "@sandlot/domain";
import type { Queries } from "./database";
import { addSecret } from "./gen/add-secret";
import { addSecretVersion } from "./gen/add-secret-version";
import { deleteSecret } from "./gen/delete-secret";
import { findSecret } from "./gen/find-secret";
import { listSealedSecrets } from "./gen/list-sealed-secrets";
import { listSecrets } from "./gen/list-secrets";

export type TeamSecret = {
  /** `sec_` and 24 hex digits. */
  readonly secretId: string;
  readonly name: string;
  readonly currentVersion: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
};

type Row = {
  id: string;
  name: string;
  currentVersion: string;
  metadata: unknown;
  createdAt: Date;
  updatedAt: Date;
};

function toSecret(row: Row): TeamSecret {
  return {
    secretId: row.id,
    name: row.name,
    currentVersion: Number(row.currentVersion),
    metadata: row.metadata as Record<string, string>,
    createdAtMs: row.createdAt.getTime(),
    updatedAtMs: row.updatedAt.getTime(),
  };
}

/** Newest first. */
export async function readSecrets(db: Queries, teamId: string): Promise<TeamSecret[]> {
  return (await db.run(listSecrets, { teamId })).map(toSecret);
}

export type SecretKey = { readonly teamId: string; readonly idOrName: string };

export async function readSecret(db: Queries, of: SecretKey): Promise<TeamSecret | undefined> {
  const [row] = await db.run(findSecret, of);
  return row && toSecret(row);
}

/** "taken" when the team has one of that name, "full" when it has as many as it may. */
export async function makeSecret(
  db: Queries,
  of: { teamId: string; name: string; sealed: string; metadata: Readonly<Record<string, string>> },
): Promise<TeamSecret | "taken" | "full"> {
  const { teamId, name, sealed } = of;
  const id = `sec_${randomBytes(12).toString("hex")}`;
  const metadata = JSON.stringify(of.metadata);
  const [row] = await db.run(addSecret, { id, teamId, name, metadata, sealed, max: MAX_SECRETS });
  if (row !== undefined) return toSecret(row);
  return (await readSecret(db, { teamId, idOrName: name })) === undefined ? "full" : "taken";
}

/** @param of its metadata stays as it is when undefined @returns undefined when the team has no such secret */
export async function replaceSecret(
  db: Queries,
  of: { teamId: string; secretId: string; sealed: string; metadata: Readonly<Record<string, string>> | undefined },
): Promise<TeamSecret | undefined> {
  const metadata = of.metadata === undefined ? null : JSON.stringify(of.metadata);
  const [row] = await db.run(addSecretVersion, { id: of.secretId, teamId: of.teamId, sealed: of.sealed, metadata });
  return row && toSecret(row);
}

/** Its values of all versions are gone with it. @returns whether the team had such a secret */
export async function removeSecret(db: Queries, of: SecretKey): Promise<boolean> {
  return (await db.run(deleteSecret, of)).length > 0;
}

/** The current values by name, sealed; names that do not exist are left out. */
export async function readSealedSecrets(
  db: Queries,
  of: { teamId: string; names: readonly string[] },
): Promise<ReadonlyMap<string, string>> {
  if (of.names.length === 0) return new Map();
  const rows = await db.run(listSealedSecrets, { teamId: of.teamId, names: [...of.names] });
  return new Map(rows.map(({ name, sealed }) => [name, sealed]));
}
