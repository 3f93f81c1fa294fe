/** Who is calling (behaviour §1.2). The first alternative that the caller sent credentials for decides. */
import type { Secret } from "@sandlot/config";
import type { Team } from "@sandlot/db";
import { hashApiKey, isUuid, secretsEqual } from "@sandlot/domain";
import { authFaults, type Scheme } from "../faults";
import type { OperationSpec } from "../http/document";
import { assertTeamMayCall } from "./standing";
import type { TeamLookup } from "./team-lookup";

/** @returns the team; undefined where the operation needs none. @throws Fault `auth_refused`, `auth_banned`, `auth_blocked` */
export type Authenticator = (operation: OperationSpec, headers: Headers) => Promise<Team | undefined>;

export function startAuthenticator(of: { teams: TeamLookup; adminToken: Secret }): Authenticator {
  return async (operation, headers) => {
    const [first] = operation.security;
    if (first === undefined) return undefined;
    const alternative = operation.security.find((schemes) => hasCredentials(schemes, headers)) ?? first;
    const team = await checkAlternative(alternative, headers, of);
    if (team !== undefined) assertTeamMayCall(team, operation);
    return team;
  };
}

const HEADERS = {
  ApiKeyAuth: "x-api-key",
  AccessTokenAuth: "authorization",
  AuthProviderBearerAuth: "authorization",
  AuthProviderTeamAuth: "x-team-id",
  AdminApiKeyAuth: "x-admin-token",
  AdminTeamAuth: "x-team-id",
} as const satisfies Record<Scheme, string>;

/** Access tokens and provider tokens share a header; the prefix tells them apart. */
function hasCredentials([scheme]: readonly Scheme[], headers: Headers): boolean {
  const value = scheme === undefined ? null : headers.get(HEADERS[scheme]);
  if (value === null) return false;
  if (scheme === "AccessTokenAuth") return value.startsWith("Bearer sk_e2b_");
  if (scheme === "AuthProviderBearerAuth") return !value.startsWith("Bearer sk_e2b_");
  return true;
}

async function checkAlternative(
  schemes: readonly Scheme[],
  headers: Headers,
  { teams, adminToken }: { teams: TeamLookup; adminToken: Secret },
): Promise<Team | undefined> {
  const [scheme = "ApiKeyAuth"] = schemes;
  const value = headers.get(HEADERS[scheme]);
  if (value === null) throw authFaults.refused({ scheme, detail: "authorization header is missing" });
  if (scheme === "ApiKeyAuth") {
    const keyHash = hashApiKey(value);
    if (keyHash === undefined) throw authFaults.refused({ scheme, detail: "Invalid API key format" });
    const team = await teams.byKeyHash(keyHash);
    if (team === undefined) throw authFaults.refused({ scheme, detail: "Cannot get the team for the given API key" });
    return team;
  }
  if (scheme === "AdminApiKeyAuth") {
    if (adminToken.reveal() === "" || !secretsEqual(value, adminToken.reveal())) {
      throw authFaults.refused({ scheme, detail: "Backend authentication failed" });
    }
    return schemes.includes("AdminTeamAuth") ? await teamForAdmin(headers, teams) : undefined;
  }
  // Users' tokens arrive with accounts; until then there is nothing they could be checked against.
  const isBearer = value.startsWith("Bearer ") && value.length > "Bearer ".length;
  throw authFaults.refused({
    scheme,
    detail: isBearer ? "Backend authentication failed" : "authorization header is malformed",
  });
}

async function teamForAdmin(headers: Headers, teams: TeamLookup): Promise<Team> {
  const teamId = headers.get("x-team-id");
  const refuse = (detail: string) => authFaults.refused({ scheme: "AdminTeamAuth", detail });
  if (teamId === null) throw refuse("authorization header is missing");
  const team = isUuid(teamId) ? await teams.byId(teamId) : undefined;
  if (team === undefined) throw refuse("Backend authentication failed");
  return team;
}
