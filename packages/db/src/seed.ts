/** What an installation has from the start: one team with its key, and the templates we ship. All idempotent. */
import { randomBytes } from "node:crypto";
import {
  DEFAULT_CONCURRENT_BUILDS,
  DEFAULT_CONCURRENT_SANDBOXES,
  DEFAULT_MAX_CPU_COUNT,
  DEFAULT_MAX_DISK_MIB,
  DEFAULT_MAX_LENGTH_HOURS,
  DEFAULT_MAX_MEMORY_MIB,
  hashApiKey,
  maskApiKey,
  newTemplateId,
} from "@sandlot/domain";
import type { Database, Queries } from "./database";
import { dbFaults } from "./faults";
import { addAlias } from "./gen/add-alias";
import { addMember } from "./gen/add-member";
import { addTemplate } from "./gen/add-template";
import { addUser } from "./gen/add-user";
import { assignBuild } from "./gen/assign-build";
import { findBareAlias } from "./gen/find-bare-alias";
import { findTeamOwner } from "./gen/find-team-owner";
import { lockSeeding } from "./gen/lock-seeding";
import { putApiKey } from "./gen/put-api-key";
import { putReadyBuild } from "./gen/put-ready-build";
import { putTeam } from "./gen/put-team";
import { putTier } from "./gen/put-tier";
import { setTemplatePublic } from "./gen/set-template-public";
import { makeAccessToken } from "./users";

export const SELF_HOSTED_TIER = "self_hosted";

const TIER = {
  id: SELF_HOSTED_TIER,
  name: "Self-hosted",
  concurrentSandboxes: DEFAULT_CONCURRENT_SANDBOXES,
  maxLengthHours: DEFAULT_MAX_LENGTH_HOURS,
  maxCpuCount: DEFAULT_MAX_CPU_COUNT,
  maxMemoryMiB: DEFAULT_MAX_MEMORY_MIB,
  maxDiskMiB: DEFAULT_MAX_DISK_MIB,
  concurrentBuilds: DEFAULT_CONCURRENT_BUILDS,
};

export type InstallationSeed = {
  /** The whole key, `e2b_` and 40 hex digits; only its hash is stored. */
  readonly apiKey: string;
  /** The owner's access token, `sk_e2b_` and hex digits; none is made when it is left out. */
  readonly accessToken?: string;
  readonly teamName?: string;
  /** The team's namespace for template names. */
  readonly teamSlug?: string;
  readonly email?: string;
};

/** The tier, the team, its owner, its key and the owner's token. A further key for the same slug is added, none is taken away. */
export async function ensureInstallation(
  db: Database,
  { apiKey, accessToken, teamName = "Local", teamSlug = "local", email = "owner@localhost" }: InstallationSeed,
): Promise<{ teamId: string; userId: string }> {
  const keyHash = hashApiKey(apiKey);
  if (keyHash === undefined) throw new Error("the seeded API key must be e2b_ and hex digits");
  return db.transaction(async (queries) => {
    await queries.run(lockSeeding, undefined);
    await queries.run(putTier, TIER);
    const teamId = only(await queries.run(putTeam, { name: teamName, slug: teamSlug, tier: TIER.id, email })).teamId;
    const userId = await ensureOwner(queries, { teamId, email });
    const mask = maskApiKey(apiKey);
    await queries.run(putApiKey, {
      teamId,
      userId,
      name: "Installation key",
      keyHash,
      prefix: mask.prefix,
      length: mask.valueLength,
      maskPrefix: mask.maskedValuePrefix,
      maskSuffix: mask.maskedValueSuffix,
    });
    if (accessToken !== undefined) {
      await makeAccessToken(queries, { userId, name: "Installation token", token: accessToken });
    }
    return { teamId, userId };
  });
}

async function ensureOwner(queries: Queries, { teamId, email }: { teamId: string; email: string }): Promise<string> {
  const [owner] = await queries.run(findTeamOwner, { teamId });
  if (owner !== undefined) return owner.userId;
  const { userId } = only(await queries.run(addUser, { email }));
  await queries.run(addMember, { userId, teamId });
  return userId;
}

export type TemplateBuildSeed = {
  readonly teamId: string;
  readonly alias: string;
  /** Everybody may start sandboxes from it. */
  readonly isPublic: boolean;
  /** Names the sealed build on disk. */
  readonly buildId: string;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  readonly envdVersion: string;
};

/**
 * Makes `alias` a promoted template of the team and its `default` tag mean this build.
 * @throws Fault `db_alias_taken` when the name is another team's
 */
export async function registerTemplateBuild(db: Database, seed: TemplateBuildSeed): Promise<{ templateId: string }> {
  const { teamId, alias, isPublic, buildId, cpuCount, memoryMiB, diskMiB, envdVersion } = seed;
  return db.transaction(async (queries) => {
    await queries.run(lockSeeding, undefined);
    const [found] = await queries.run(findBareAlias, { alias });
    if (found !== undefined && found.teamId !== teamId) throw dbFaults.alias_taken({ alias });
    const templateId = found?.templateId ?? newTemplateId((sizeBytes) => randomBytes(sizeBytes));
    if (found === undefined) {
      const [owner] = await queries.run(findTeamOwner, { teamId });
      await queries.run(addTemplate, { templateId, teamId, isPublic, userId: owner?.userId ?? null });
      await queries.run(addAlias, { alias, namespace: null, templateId });
    }
    await queries.run(putReadyBuild, { buildId, cpuCount, memoryMiB, diskMiB, envdVersion });
    await queries.run(assignBuild, { templateId, buildId, tag: "default" });
    await queries.run(setTemplatePublic, { templateId, isPublic });
    return { templateId };
  });
}

function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error("a statement that always returns a row returned none");
  return row;
}
