import type { components } from "@sandlot/contracts/rest";
import { makeSecret, readSecret, readSecrets, removeSecret, replaceSecret, type TeamSecret } from "@sandlot/db";
import {
  checkSecretMetadata,
  checkSecretValue,
  MAX_PAGE,
  pageOf,
  parseCursor,
  parseSecretName,
  secretFaults,
} from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import type { SandboxParts } from "../sandboxes/parts";
import { contextOf, type Vault } from "../secrets/vault";

type Parts = Pick<SandboxParts, "db" | "vault">;

const headers = { "Cache-Control": "no-store" } as const;

/** GET /secrets — one page, newest first; never a value. */
export function listSecrets({ db, vault }: Parts): Handler<"listSecrets"> {
  return async ({ team, query }) => {
    requireVault(vault);
    const after = query.nextToken === undefined ? undefined : parseCursor(query.nextToken, "desc");
    const rows = await readSecrets(db, team.teamId);
    // A cursor's id holds no underscore.
    const at = ({ createdAtMs, secretId }: TeamSecret) => ({ atMs: createdAtMs, id: secretId.slice("sec_".length) });
    const { page, nextToken } = pageOf({ rows, at, order: "desc", after, limit: query.limit ?? MAX_PAGE });
    const next = nextToken === undefined ? {} : { "X-Next-Token": nextToken };
    return { status: 200, headers: { ...headers, ...next }, body: page.map(toSecret) };
  };
}

/** POST /secrets — 201; 409 when the team has one of that name, 429 when it has too many. */
export function createSecret({ db, vault }: Parts): Handler<"createSecret"> {
  return async ({ team, body }) => {
    const name = parseSecretName(body.name);
    const { teamId } = team;
    const metadata = body.metadata ?? {};
    checkSecretValue(body.value);
    checkSecretMetadata(metadata);
    const sealed = requireVault(vault).seal(body.value, contextOf.secret({ teamId, name }));
    const made = await makeSecret(db, { teamId, name, sealed, metadata });
    if (made === "taken") throw secretFaults.taken({});
    if (made === "full") throw secretFaults.too_many({});
    return { status: 201, headers, body: toSecret(made) };
  };
}

/** GET /secrets/{idOrName} */
export function getSecret({ db, vault }: Parts): Handler<"getSecret"> {
  return async ({ team, path }) => {
    requireVault(vault);
    const found = await readSecret(db, { teamId: team.teamId, idOrName: path.secretID });
    if (found === undefined) throw secretFaults.missing({});
    return { status: 200, headers, body: toSecret(found) };
  };
}

/** POST /secrets/{idOrName} — another value; requests carry it from then on (see docs: within seconds). */
export function addSecretVersion({ db, vault }: Parts): Handler<"addSecretVersion"> {
  return async ({ team, path, body }) => {
    const { teamId } = team;
    checkSecretValue(body.value);
    if (body.metadata !== undefined) checkSecretMetadata(body.metadata);
    const open = requireVault(vault);
    const found = await readSecret(db, { teamId, idOrName: path.secretID });
    if (found === undefined) throw secretFaults.missing({});
    const { secretId, name } = found;
    const sealed = open.seal(body.value, contextOf.secret({ teamId, name }));
    const replaced = await replaceSecret(db, { teamId, secretId, sealed, metadata: body.metadata });
    if (replaced === undefined) throw secretFaults.missing({});
    return { status: 200, headers, body: toSecret(replaced) };
  };
}

/** DELETE /secrets/{idOrName} — 204; all its versions are gone. */
export function deleteSecret({ db, vault }: Parts): Handler<"deleteSecret"> {
  return async ({ team, path }) => {
    requireVault(vault);
    const isFound = await removeSecret(db, { teamId: team.teamId, idOrName: path.secretID });
    if (!isFound) throw secretFaults.missing({});
    return { status: 204, headers };
  };
}

/** @throws Fault `secret_not_available` where no key is configured */
function requireVault(vault: Vault | undefined): Vault {
  if (vault === undefined) throw secretFaults.not_available({});
  return vault;
}

function toSecret(secret: TeamSecret): components["schemas"]["Secret"] {
  const { secretId, name, currentVersion, metadata, createdAtMs, updatedAtMs } = secret;
  return {
    ...{ secretID: secretId, name, currentVersion, metadata: { ...metadata } },
    createdAt: new Date(createdAtMs).toISOString(),
    updatedAt: new Date(updatedAtMs).toISOString(),
  };
}
