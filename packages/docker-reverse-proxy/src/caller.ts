/** Who pushes: a user's access token, or a team's API key, in the password of Basic authentication. */
import {
  type Queries,
  readMemberships,
  readTeamByKeyHash,
  readUnfinishedBuilds,
  readUserByTokenHash,
} from "@sandlot/db";
import { hashAccessToken, hashApiKey } from "@sandlot/domain";
import { pushFaults } from "./faults";

/** The names that clients log in with; upstream knows the first. */
const USERS: readonly string[] = ["_e2b_access_token", "_e2b_api_key"];

/** Shells and configuration files leave quotes and spaces around passwords. @throws Fault `push_bad_credentials` */
export function parseBasic(header: string | null): { user: string; password: string } {
  const encoded = /^Basic\s+([A-Za-z0-9+/=]+)\s*$/i.exec(header ?? "")?.[1];
  const text = encoded === undefined ? "" : Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  const user = text.slice(0, Math.max(colon, 0));
  if (!USERS.includes(user)) throw pushFaults.bad_credentials({});
  return {
    user,
    password: text
      .slice(colon + 1)
      .trim()
      .replace(/^["']|["']$/g, "")
      .trim(),
  };
}

/** @returns the teams that the caller speaks for @throws Fault `push_refused` */
export async function teamsOf(db: Queries, password: string): Promise<string[]> {
  const tokenHash = hashAccessToken(password);
  const user = tokenHash === undefined ? undefined : await readUserByTokenHash(db, tokenHash);
  if (user !== undefined) return (await readMemberships(db, user.userId)).map(({ teamId }) => teamId);
  const keyHash = hashApiKey(password);
  const found = keyHash === undefined ? undefined : await readTeamByKeyHash(db, keyHash);
  if (found === undefined || found.team.isBanned || found.team.isBlocked) throw pushFaults.refused({});
  return [found.team.teamId];
}

/** Only into templates of one's own, and only while a build waits for its image. @throws Fault `push_no_build` */
export async function assertWaiting(
  db: Queries,
  of: { teamIds: readonly string[]; templateId: string },
): Promise<void> {
  const builds = await Promise.all(of.teamIds.map((teamId) => readUnfinishedBuilds(db, { teamId })));
  const isWaiting = builds.flat().some((build) => build.templateId === of.templateId && !build.isStarted);
  if (!isWaiting) throw pushFaults.no_build({ templateId: of.templateId });
}
