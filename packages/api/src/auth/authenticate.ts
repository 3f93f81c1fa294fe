/** Who is calling (behaviour §1.2). The first alternative that the caller sent credentials for decides. */
import type { Secret } from "@sandlot/config";
import type { Team } from "@sandlot/db";
import { hashAccessToken, hashApiKey, isUuid, secretsEqual } from "@sandlot/domain";
import { authFaults, type Scheme } from "../faults";
import type { OperationSpec } from "../http/document";
import { assertTeamMayCall } from "./standing";
import type { KnownUser, TeamLookup } from "./team-lookup";

/** Who is calling: a team, a user in general, or nobody in particular where the operation is open or the admin's. */
export type Caller = { readonly team?: Team; readonly user?: KnownUser };
export type Credentials = { readonly headers: Headers; readonly query: URLSearchParams };

/** @throws Fault `auth_refused`, `auth_banned`, `auth_blocked`, `auth_not_a_member`, `auth_no_team` */
export type Authenticator = (operation: OperationSpec, credentials: Credentials) => Promise<Caller>;

type Means = { readonly teams: TeamLookup; readonly adminToken: Secret };

export function startAuthenticator(of: Means): Authenticator {
  return async (operation, credentials) => {
    const [first] = operation.security;
    if (first === undefined) return {};
    const alternative = operation.security.find((schemes) => hasCredentials(schemes, credentials.headers)) ?? first;
    const caller = await checkAlternative(alternative, operation, credentials, of);
    if (caller.team !== undefined) assertTeamMayCall(caller.team, operation);
    return caller;
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
  operation: OperationSpec,
  { headers, query }: Credentials,
  { teams, adminToken }: Means,
): Promise<Caller> {
  const [scheme = "ApiKeyAuth"] = schemes;
  const value = headers.get(HEADERS[scheme]);
  if (value === null) throw authFaults.refused({ scheme, detail: "authorization header is missing" });
  switch (scheme) {
    case "ApiKeyAuth":
      return { team: await teamOfKey(value, teams) };
    case "AdminApiKeyAuth":
      if (adminToken.reveal() === "" || !secretsEqual(value, adminToken.reveal())) {
        throw authFaults.refused({ scheme, detail: "Backend authentication failed" });
      }
      return schemes.includes("AdminTeamAuth") ? { team: await teamForAdmin(headers, teams) } : {};
    case "AccessTokenAuth": {
      const user = await userOfToken(value, teams);
      // What is about the user and not about one of its teams is told by the path: there is none to choose.
      if (operation.id === "listTeams") return { user };
      return { user, team: await teamForUser(user, query.get("teamID"), teams) };
    }
    default: {
      // Without a configured provider there is nothing that a token could be checked against.
      const isBearer = value.startsWith("Bearer ") && value.length > "Bearer ".length;
      const detail = isBearer ? "Backend authentication failed" : "authorization header is malformed";
      throw authFaults.refused({ scheme, detail });
    }
  }
}

async function teamOfKey(key: string, teams: TeamLookup): Promise<Team> {
  const refuse = (detail: string) => authFaults.refused({ scheme: "ApiKeyAuth", detail });
  const keyHash = hashApiKey(key);
  if (keyHash === undefined) throw refuse("Invalid API key format");
  const team = await teams.byKeyHash(keyHash);
  if (team === undefined) throw refuse("Cannot get the team for the given API key");
  return team;
}

async function userOfToken(header: string, teams: TeamLookup): Promise<KnownUser> {
  const refuse = (detail: string) => authFaults.refused({ scheme: "AccessTokenAuth", detail });
  if (!header.startsWith("Bearer ")) throw refuse("authorization header is malformed");
  const tokenHash = hashAccessToken(header.slice("Bearer ".length));
  const user = tokenHash === undefined ? undefined : await teams.userByTokenHash(tokenHash);
  if (user === undefined) throw refuse("Backend authentication failed");
  return user;
}

async function teamForUser(user: KnownUser, wanted: string | null, teams: TeamLookup): Promise<Team> {
  const [first] = user.teams;
  if (first === undefined) throw authFaults.no_team({});
  const isMember = wanted === null || user.teams.some(({ teamId }) => teamId === wanted.toLowerCase());
  const team = isMember ? await teams.byId(wanted?.toLowerCase() ?? first.teamId) : undefined;
  if (team === undefined) throw authFaults.not_a_member({});
  return team;
}

async function teamForAdmin(headers: Headers, teams: TeamLookup): Promise<Team> {
  const teamId = headers.get("x-team-id");
  const refuse = (detail: string) => authFaults.refused({ scheme: "AdminTeamAuth", detail });
  if (teamId === null) throw refuse("authorization header is missing");
  const team = isUuid(teamId) ? await teams.byId(teamId) : undefined;
  if (team === undefined) throw refuse("Backend authentication failed");
  return team;
}
