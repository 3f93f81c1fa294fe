/** Teams, as authentication needs them. */
import type { Queries } from "./database";
import { findTeamById } from "./gen/find-team-by-id";
import { findTeamByKeyHash } from "./gen/find-team-by-key-hash";
import { touchApiKey } from "./gen/touch-api-key";

export type Team = {
  readonly teamId: string;
  readonly name: string;
  readonly slug: string;
  readonly isBanned: boolean;
  readonly isBlocked: boolean;
  readonly blockedReason: string | undefined;
  readonly concurrentSandboxes: number;
  readonly maxLengthHours: number;
};

type TeamRow = Omit<Team, "blockedReason"> & { blockedReason: string | null };

function toTeam({ blockedReason, ...row }: TeamRow): Team {
  return { ...row, blockedReason: blockedReason ?? undefined };
}

export async function readTeamByKeyHash(
  db: Queries,
  keyHash: string,
): Promise<{ team: Team; keyId: string } | undefined> {
  const [row] = await db.run(findTeamByKeyHash, { keyHash });
  if (row === undefined) return undefined;
  const { keyId, ...team } = row;
  return { team: toTeam(team), keyId };
}

/** @param teamId a UUID; anything else is a bug of the caller */
export async function readTeam(db: Queries, teamId: string): Promise<Team | undefined> {
  const [row] = await db.run(findTeamById, { teamId });
  return row === undefined ? undefined : toTeam(row);
}

/** Notes that a key was used now. */
export async function touchKey(db: Queries, keyId: string): Promise<void> {
  await db.run(touchApiKey, { keyId });
}
