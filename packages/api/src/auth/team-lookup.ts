/** Teams by credential, remembered for at most a second, so that a deleted key stops working within one. */
import { type Database, readTeam, readTeamByKeyHash, type Team, touchKey } from "@sandlot/db";
import type { Clock } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import { limits } from "../limits";

export type TeamLookup = {
  byKeyHash(keyHash: string): Promise<Team | undefined>;
  byId(teamId: string): Promise<Team | undefined>;
};

type Remembered = { readonly team: Team; readonly untilMs: number };

export function startTeamLookup(of: { db: Database; clock: Clock; logger: Logger }): TeamLookup {
  const { db, clock, logger } = of;
  const remembered = new Map<string, Remembered>();
  const asking = new Map<string, Promise<Team | undefined>>();

  async function lookUp(key: string, ask: () => Promise<Team | undefined>): Promise<Team | undefined> {
    const hit = remembered.get(key);
    if (hit !== undefined && hit.untilMs > clock.nowMs()) return hit.team;
    remembered.delete(key);
    const running = asking.get(key);
    if (running !== undefined) return running;
    const askedMs = clock.nowMs();
    const answer = ask().finally(() => asking.delete(key));
    asking.set(key, answer);
    const team = await answer;
    // Only found teams are kept: guesses must not push real ones out.
    if (team !== undefined) remember(key, { team, untilMs: askedMs + limits.authCacheMs });
    return team;
  }

  function remember(key: string, entry: Remembered): void {
    remembered.set(key, entry);
    if (remembered.size <= limits.authCacheKeys) return;
    const [oldest] = remembered.keys();
    if (oldest !== undefined) remembered.delete(oldest);
  }

  return {
    byKeyHash: (keyHash) =>
      lookUp(keyHash, async () => {
        const found = await readTeamByKeyHash(db, keyHash);
        if (found === undefined) return undefined;
        touchKey(db, found.keyId).catch((thrown) => logger.warn("noting the use of a key failed", { thrown }));
        return found.team;
      }),
    byId: (teamId) => lookUp(`team ${teamId}`, () => readTeam(db, teamId)),
  };
}
