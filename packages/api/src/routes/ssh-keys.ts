import type { components } from "@sandlot/contracts/rest";
import { type Database, putSshKey, readSshKeys, removeSshKey, type TeamSshKey } from "@sandlot/db";
import { parseSshPublicKey, sshKeyFaults } from "@sandlot/domain";
import type { Clock } from "@sandlot/lifetime";
import type { Handler } from "../http/handlers";

type Parts = { readonly db: Database; readonly clock: Clock };

/** GET /ssh-keys — without those whose time is over. */
export function listSshKeys({ db }: Parts): Handler<"listSshKeys"> {
  return async ({ team }) => ({ status: 200, body: (await readSshKeys(db, team.teamId)).map(toSshKey) });
}

/** POST /ssh-keys — 201; opens doors at once. */
export function createSshKey({ db, clock }: Parts): Handler<"createSshKey"> {
  return async ({ team, body }) => {
    const key = parseSshPublicKey(body.publicKey);
    const expiresAtMs = body.ttl === undefined ? undefined : clock.nowMs() + body.ttl * 1000;
    const name = body.name ?? (key.comment === "" ? key.fingerprint : key.comment);
    const kept = await putSshKey(db, { teamId: team.teamId, name, key, expiresAtMs });
    if (kept === undefined) throw sshKeyFaults.too_many({});
    return { status: 201, body: toSshKey(kept) };
  };
}

/** DELETE /ssh-keys/{sshKeyID} — 204. */
export function deleteSshKey({ db }: Parts): Handler<"deleteSshKey"> {
  return async ({ team, path }) => {
    const keyId = path.sshKeyID;
    if (!(await removeSshKey(db, { teamId: team.teamId, keyId }))) throw sshKeyFaults.missing({ keyId });
    return { status: 204 };
  };
}

function toSshKey(key: TeamSshKey): components["schemas"]["SshKey"] {
  const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
  return {
    id: key.keyId,
    name: key.name,
    fingerprint: key.fingerprint,
    publicKey: key.publicKey,
    createdAt: new Date(key.createdAtMs).toISOString(),
    expiresAt: time(key.expiresAtMs),
    lastUsed: time(key.lastUsedMs),
  };
}
