/** Registering a build: the same for all three generations of clients. */
import { randomBytes, randomUUID } from "node:crypto";
import { type RegisteredBuild, readTeamLimits, registerBuild, type Team, type TemplateName } from "@sandlot/db";
import { newTemplateId } from "@sandlot/domain";
import { apiFaults } from "../faults";
import { parseNewTags, parseOwnName } from "./find-template";
import type { TemplateParts } from "./parts";
import { templateSize } from "./size";

export const SUPERSEDED = "The build was canceled because it was superseded by a newer one.";

export type Registration = {
  readonly team: Team;
  /** Perhaps with namespace and tag. */
  readonly name: string | undefined;
  readonly tags: readonly string[];
  readonly teamId: string | undefined;
  readonly templateId?: string;
  readonly cpuCount?: number | undefined;
  readonly memoryMB?: number | undefined;
  readonly dockerfile?: string;
  readonly startCmd?: string | undefined;
  readonly readyCmd?: string | undefined;
};

export type Registered = RegisteredBuild & { readonly buildId: string; readonly tags: readonly string[] };

/** @throws every refusal of registration (behaviour §5.2) */
export async function register({ db }: Pick<TemplateParts, "db">, of: Registration): Promise<Registered> {
  const { team } = of;
  if (of.teamId !== undefined && of.teamId !== team.teamId) throw apiFaults.team_mismatch({});
  const reference = of.name === undefined || of.name === "" ? undefined : parseOwnName(of.name, team);
  const tags = parseNewTags([...(reference?.tag === undefined ? [] : [reference.tag]), ...of.tags]);
  const limits = await readTeamLimits(db, team.teamId);
  const size = templateSize(of, limits);
  const buildId = randomUUID();
  const kept = tags.length === 0 ? ["default"] : tags;
  const registered = await registerBuild(db, {
    teamId: team.teamId,
    teamSlug: team.slug,
    newTemplateId: newTemplateId(randomBytes),
    templateId: of.templateId,
    alias: reference?.name,
    tags: kept,
    ...{ buildId, ...size, concurrentBuilds: limits.concurrentBuilds, supersededReason: SUPERSEDED },
    ...(of.dockerfile === undefined ? {} : { dockerfile: of.dockerfile }),
    ...(of.startCmd ? { startCmd: of.startCmd } : {}),
    ...(of.readyCmd ? { readyCmd: of.readyCmd } : {}),
  });
  return { ...registered, buildId, tags: kept };
}

export function sayNames(names: readonly TemplateName[]): { aliases: string[]; names: string[] } {
  return {
    aliases: [...new Set(names.map(({ alias }) => alias))],
    names: names.map(({ alias, namespace }) => (namespace === null ? alias : `${namespace}/${alias}`)),
  };
}
