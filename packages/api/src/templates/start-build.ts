/** From a start request to a builder that works on it. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { components } from "@sandlot/contracts/rest";
import { type RegistryCredentialsSchema, TemplateConfigSchema } from "@sandlot/contracts/template";
import {
  markBuildFailed,
  markBuildStarted,
  readBuild,
  readTemplate,
  readTemplateBuild,
  type Team,
  type TemplateBuild,
} from "@sandlot/db";
import {
  isAtLeast,
  isUuid,
  parseTemplateReference,
  type RuntimeName,
  sandboxFaults,
  templateFaults,
} from "@sandlot/domain";
import { isFault } from "@sandlot/faults";
import { imageSources } from "@sandlot/oci-images";
import { apiFaults } from "../faults";
import { limits } from "../limits";
import type { Node } from "../nodes/node";
import { offeredBy } from "../nodes/runtimes";
import { cancelAll, endOnNode } from "./build-watch";
import type { TemplateParts } from "./parts";
import { mayBuildFrom } from "./pushed-image";

export type StartBody = components["schemas"]["TemplateBuildStartV2"];
type From = NonNullable<MessageInitShape<typeof TemplateConfigSchema>["from"]>;

/**
 * The recipe version that the client speaks; clients before 2.3.0 expect the older one.
 * @throws Fault `api_bad_sdk_version`
 */
export function recipeVersion(userAgent: string): "v2.0.0" | "v2.1.0" {
  const found = /\be2b-(?:js|python)-sdk\/(\S+)/.exec(userAgent)?.[1];
  if (found === undefined) return "v2.1.0";
  if (!/^v?\d+\.\d+\.\d+/.test(found)) throw apiFaults.bad_sdk_version({ version: found.slice(0, 40) });
  return isAtLeast(found, "2.3.0") ? "v2.1.0" : "v2.0.0";
}

/** @throws Fault `api_bad_build_id`, `template_missing`, `template_foreign` */
export async function findOwnBuild(
  { db }: Pick<TemplateParts, "db">,
  of: { team: Team; templateId: string; buildId: string },
): Promise<TemplateBuild> {
  if (!isUuid(of.buildId)) throw apiFaults.bad_build_id({ buildId: of.buildId.slice(0, 80) });
  const build = await readTemplateBuild(db, of);
  if (build === undefined) throw templateFaults.missing({ reference: `${of.templateId}/${of.buildId}` });
  if (build.teamId !== of.team.teamId) throw templateFaults.foreign({ reference: of.templateId });
  return build;
}

/** @throws Fault `api_build_not_waiting`, `api_no_builder`, `api_build_not_started` */
export async function startBuild(
  parts: TemplateParts,
  of: { team: Team; build: TemplateBuild; body: StartBody; version: string },
): Promise<void> {
  const { db } = parts;
  const { team, build, body } = of;
  const { buildId, templateId } = build;
  // Other builds of the template that are under way make place for this one.
  await cancelAll(parts, { which: { templateId }, why: "build was cancelled", except: buildId, onlyStarted: true });
  if (build.status !== "waiting") throw apiFaults.build_not_waiting({});
  if ((body.fromImage ? 1 : 0) + (body.fromTemplate ? 1 : 0) !== 1) {
    throw apiFaults.build_not_started({ why: "exactly one of fromImage and fromTemplate must be given" });
  }
  const node = pickBuilder(parts.nodes.ready(), build.runtimes);
  const { startCmd = "", readyCmd = "" } = body;
  const startedAtMs = Date.now();
  const isMine = await markBuildStarted(db, { buildId, version: of.version, nodeId: node.id, startCmd, readyCmd });
  if (!isMine) throw apiFaults.build_not_waiting({});
  let from: From;
  try {
    from = await resolveFrom(parts, { team, build, body });
  } catch (thrown) {
    if (!isFault(thrown)) throw thrown;
    // The answer is 202 all the same: the build has begun, and has failed.
    await markBuildFailed(db, { buildId, reason: { message: thrown.message, step: "base" } });
    return;
  }
  const template = create(TemplateConfigSchema, {
    ...{ templateId, buildId, teamId: team.teamId, from, force: body.force ?? false },
    ...{ vcpuCount: build.cpuCount, memoryMb: build.memoryMiB, diskSizeMb: build.diskMiB },
    ...{ startCommand: startCmd, readyCommand: readyCmd, runtimes: [...(build.runtimes ?? [])] },
    steps: (body.steps ?? []).map(({ type, args = [], filesHash, force = false }) => ({
      ...{ type, args, force },
      ...(filesHash === undefined ? {} : { filesHash }),
    })),
    ...(body.fromImageRegistry === undefined ? {} : { fromImageRegistry: sayCredentials(body.fromImageRegistry) }),
  });
  try {
    const request = { template, cacheScope: team.teamId, version: of.version };
    await node.templates.templateCreate(request, { timeoutMs: limits.buildCreateMs });
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    await markBuildFailed(db, { buildId, reason: { message: `The build could not be started: ${why}`, step: "" } });
    // It may have begun all the same, behind an answer that did not come.
    endOnNode(node, { templateId, buildId, why }).catch(() => undefined);
    throw apiFaults.build_not_started({ why }, thrown);
  }
  parts.builds.follow({ buildId, templateId, nodeId: node.id, startedAtMs });
}

/**
 * @param runtimes what the template is to run on: a builder makes it for its own alone
 * @throws Fault `api_no_builder`, `sandbox_runtime_not_offered`
 */
export function pickBuilder(ready: readonly Node[], runtimes: readonly RuntimeName[] = []): Node {
  const all = ready.filter((node) => node.buildsTemplates);
  const builders = all.filter((node) => runtimes.every((name) => offeredBy([node]).includes(name)));
  if (all.length > 0 && builders.length === 0)
    throw sandboxFaults.runtime_not_offered({ wanted: runtimes.join(", "), offered: offeredBy(all).join(", ") });
  const chosen = builders[Math.floor(Math.random() * builders.length)];
  if (chosen === undefined) throw apiFaults.no_builder({});
  return chosen;
}

/** @throws Fault for a reference that means nothing, or nothing that the team may use */
async function resolveFrom(
  parts: TemplateParts,
  { team, build, body }: { team: Team; build: TemplateBuild; body: StartBody },
): Promise<From> {
  if (body.fromTemplate) {
    const buildId = await readyBuild(parts, { team, input: body.fromTemplate });
    return { case: "fromTemplate", value: { alias: body.fromTemplate, buildId, isImage: false } };
  }
  const image = body.fromImage ?? "";
  if (!mayBuildFrom(image, build)) throw templateFaults.missing({ reference: image });
  const [first] = imageSources(image, parts.mirrors);
  if (first?.kind !== "template") return { case: "fromImage", value: image };
  const buildId = await readyBuild(parts, { team, input: first.name });
  return { case: "fromTemplate", value: { alias: image, buildId, isImage: true } };
}

async function readyBuild({ db }: TemplateParts, of: { team: Team; input: string }): Promise<string> {
  const reference = parseTemplateReference(of.input);
  const template = await readTemplate(db, { reference, ownSlug: of.team.slug });
  if (template === undefined) throw templateFaults.missing({ reference: of.input });
  if (template.teamId !== of.team.teamId && !template.isPublic) throw templateFaults.foreign({ reference: of.input });
  const tag = reference.tag ?? "default";
  const build = await readBuild(db, { templateId: template.templateId, tag });
  if (build === undefined) throw templateFaults.tag_missing({ reference: reference.name, tag });
  return build.buildId;
}

function sayCredentials(
  given: NonNullable<StartBody["fromImageRegistry"]>,
): MessageInitShape<typeof RegistryCredentialsSchema> {
  switch (given.type) {
    case "aws": {
      const { awsAccessKeyId: accessKeyId, awsSecretAccessKey: secretAccessKey, awsRegion: region } = given;
      return { type: { case: "aws", value: { accessKeyId, secretAccessKey, region } } };
    }
    case "gcp":
      return { type: { case: "gcp", value: { serviceAccountJson: given.serviceAccountJson } } };
    default:
      return { type: { case: "basic", value: { username: given.username, password: given.password } } };
  }
}
