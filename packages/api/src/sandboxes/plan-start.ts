/** From a create request to what is to be started: every refusal of the contract, in its order, before anything is made. */
import type { components } from "@sandlot/contracts/rest";
import { type Database, readBuild, readTemplate, type Team } from "@sandlot/db";
import {
  checkEnvVars,
  checkIam,
  checkIngress,
  chooseRuntimes,
  type IamTokens,
  iamFaults,
  isAtLeast,
  parseCreateTimeout,
  parseTemplateReference,
  planEgress,
  RULES_ENVD_VERSION,
  type RuntimeName,
  requestFaults,
  ruleFaults,
  SECURE_ENVD_VERSION,
  sandboxFaults,
  type TemplateReference,
  templateFaults,
} from "@sandlot/domain";
import type { SandboxNetworkRequest } from "@sandlot/state";
import { apiFaults } from "../faults";
import type { NodeRegistry } from "../nodes/registry";
import { findRuntime, offeredBy, runtimeOn } from "../nodes/runtimes";
import type { SandboxParts } from "./parts";
import { storedNetwork } from "./stored-network";

export type NewSandbox = components["schemas"]["NewSandboxV2"];
export type StartRequest = {
  readonly team: Team;
  readonly body: NewSandbox;
  readonly secure: boolean;
  readonly defaultTimeoutS: number;
};

export type StartPlan = {
  readonly team: Team;
  readonly template: { readonly templateId: string; readonly alias: string | undefined };
  readonly build: {
    readonly buildId: string;
    readonly cpuCount: number;
    readonly memoryMiB: number;
    readonly diskMiB: number;
    readonly envdVersion: string;
  };
  /** What it may run on, the best first. */
  readonly runtimes: readonly RuntimeName[];
  readonly timeoutMs: number;
  readonly secure: boolean;
  readonly allowPublicTraffic: boolean;
  readonly envVars: Readonly<Record<string, string>>;
  readonly network: SandboxNetworkRequest | undefined;
  readonly iam: IamTokens | undefined;
  readonly body: Omit<NewSandbox, "network" | "iam">;
};

/** @throws Fault for everything that the contract refuses, and `request_not_supported` for what is not built yet */
export async function planStart(
  { db, vault, identity, nodes }: Pick<SandboxParts, "db" | "vault" | "identity" | "nodes">,
  { team, body: asked, secure, defaultTimeoutS }: StartRequest,
): Promise<StartPlan> {
  const { network, iam, ...body } = asked;
  const reference = parseTemplateReference(body.templateID);
  const timeoutMs = parseCreateTimeout({ timeoutS: body.timeout ?? defaultTimeoutS, maxHours: team.maxLengthHours });
  checkLifecycle(body);
  const envVars = body.envVars ?? {};
  checkEnvVars(envVars);
  const { allowPublicTraffic } = checkIngress(network ?? {}, secure);
  planEgress(network ?? {}, body.allow_internet_access);
  const stored = network && storedNetwork(network, { vault, teamId: team.teamId });
  const tokens = checkIam(iam?.tokens ?? {});
  const hasTokens = Object.keys(tokens).length > 0;
  if (hasTokens && identity === undefined) throw iamFaults.not_available({});
  refuseUnbuilt(body);
  const { template, build: found } = await findBuild(db, { team, reference, input: body.templateID });
  const { runtimes: made, ...build } = found;
  const runtimes = chooseRuntimes({
    metadata: body.metadata ?? {},
    template: template.runtimes,
    build: made,
    offered: offeredBy(nodes.ready()),
  });
  assertMemoryIsSaved(body, nodes, runtimes);
  const { envdVersion } = build;
  const hasRules = Object.keys(network?.rules ?? {}).length > 0;
  if (hasRules && (envdVersion === undefined || !isAtLeast(envdVersion, RULES_ENVD_VERSION))) {
    throw ruleFaults.old_envd({ version: envdVersion ?? "none" });
  }
  if (secure && (envdVersion === undefined || !isAtLeast(envdVersion, SECURE_ENVD_VERSION))) {
    throw apiFaults.insecure_envd({ version: envdVersion });
  }
  const known = { ...build, envdVersion: envdVersion ?? "" };
  return {
    ...{ team, template, build: known, runtimes, timeoutMs, secure, allowPublicTraffic, envVars, body },
    ...{ network: stored, iam: hasTokens ? tokens : undefined },
  };
}

function checkLifecycle({ autoPause, autoPauseMemory, autoResume }: NewSandbox): void {
  if (autoPauseMemory !== false) return;
  if (autoPause !== true) throw apiFaults.files_only_needs_pause({});
  if (autoResume?.enabled === true) throw apiFaults.memory_less_auto_resume({});
}

/** Told at the start, not when its time is over: no node here could pause it with its memory. */
function assertMemoryIsSaved(
  { autoPause, autoPauseMemory }: StartPlan["body"],
  nodes: NodeRegistry,
  runtimes: readonly RuntimeName[],
): void {
  if (autoPause !== true || autoPauseMemory === false) return;
  const said = nodes.ready().flatMap((node) => findRuntime(node, runtimeOn(node, runtimes) ?? "container") ?? []);
  if (said.length === 0 || said.some(({ memorySnapshots }) => memorySnapshots)) return;
  const why = said.find(({ memorySnapshotsProblem }) => memorySnapshotsProblem !== "")?.memorySnapshotsProblem;
  throw sandboxFaults.memory_unsupported({ why: why ?? "no node saves any" });
}

/** Refused by name, never ignored. Values that mean "off" pass: stock clients send them. */
function refuseUnbuilt(body: StartPlan["body"]): void {
  const refuse = (what: string): never => {
    throw requestFaults.not_supported({ what });
  };
  if ((body.volumeMounts ?? []).length > 0) refuse("volumeMounts");
}

async function findBuild(db: Database, of: { team: Team; reference: TemplateReference; input: string }) {
  const { team, reference, input } = of;
  const template = await readTemplate(db, { reference, ownSlug: team.slug });
  // Another team's private template is as good as none: its existence is nobody's business.
  if (template === undefined || (!template.isPublic && template.teamId !== team.teamId)) {
    throw templateFaults.missing({ reference: input });
  }
  const tag = reference.tag ?? "default";
  const build = await readBuild(db, { templateId: template.templateId, tag });
  if (build === undefined) throw templateFaults.tag_missing({ reference: reference.name, tag });
  return { template, build };
}
