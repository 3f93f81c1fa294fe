/** Teams and users by credential, remembered for at most a second, so that a deleted key stops working within one. */
import {
  type Database,
  type Membership,
  readMemberships,
  readTeam,
  readTeamByKeyHash,
  readUserByTokenHash,
  type Team,
  touchKey,
  type User,
} from "@sandlot/db";
import type { Clock } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import { startMemory } from "./memory";

/** A user with the teams it belongs to, the default one first. */
export type KnownUser = User & { readonly teams: readonly Membership[] };

export type TeamLookup = {
  byKeyHash(keyHash: string): Promise<Team | undefined>;
  byId(teamId: string): Promise<Team | undefined>;
  userByTokenHash(tokenHash: string): Promise<KnownUser | undefined>;
};

export function startTeamLookup(of: { db: Database; clock: Clock; logger: Logger }): TeamLookup {
  const { db, clock, logger } = of;
  const teams = startMemory<Team>(clock);
  const users = startMemory<KnownUser>(clock);
  return {
    byKeyHash: (keyHash) =>
      teams.lookUp(keyHash, async () => {
        const found = await readTeamByKeyHash(db, keyHash);
        if (found === undefined) return undefined;
        touchKey(db, found.keyId).catch((thrown) => logger.warn("noting the use of a key failed", { thrown }));
        return found.team;
      }),
    byId: (teamId) => teams.lookUp(`team ${teamId}`, () => readTeam(db, teamId)),
    userByTokenHash: (tokenHash) =>
      users.lookUp(tokenHash, async () => {
        const user = await readUserByTokenHash(db, tokenHash);
        return user && { ...user, teams: await readMemberships(db, user.userId) };
      }),
  };
}
