/** A sandbox's record and what a node is told of it: one from the other, both ways. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type RunningSandbox,
  type SandboxConfigSchema,
  type SandboxNetworkDomainRules,
  SandboxNetworkDomainRulesSchema,
  type SandboxNetworkEgressConfig,
  type SandboxNetworkEgressConfigSchema,
  SandboxNetworkTransformSchema,
} from "@sandlot/contracts/orchestrator";
import { isRuntimeName, planEgress } from "@sandlot/domain";
import type { SandboxNetworkRequest, SandboxRecord } from "@sandlot/state";

/** The rules in force for a record: what was asked for, with `allow_internet_access: false` on top. */
export function egressOf(
  record: Pick<SandboxRecord, "network" | "allowInternetAccess">,
): MessageInitShape<typeof SandboxNetworkEgressConfigSchema> {
  const { egressProxy: proxy, ...network } = record.network ?? {};
  const policy = planEgress(network, record.allowInternetAccess ?? undefined);
  const rules = policy.rules.map(({ domain, headers }): [string, SandboxNetworkDomainRules] => {
    const transform = create(SandboxNetworkTransformSchema, { headers: { ...headers } });
    return [domain, create(SandboxNetworkDomainRulesSchema, { rules: [{ transform }] })];
  });
  return {
    allowedCidrs: [...policy.allowedCidrs],
    deniedCidrs: [...policy.deniedCidrs],
    allowedDomains: [...policy.allowedDomains],
    rules: Object.fromEntries(rules),
    ...(proxy !== undefined && { egressProxyAddress: proxy.address }),
    ...(proxy?.username !== undefined && { egressProxyUsername: proxy.username }),
    ...(proxy?.sealedPassword !== undefined && { egressProxyPassword: proxy.sealedPassword }),
  };
}

export function toNodeConfig(
  record: SandboxRecord,
  envVars: Readonly<Record<string, string>>,
): MessageInitShape<typeof SandboxConfigSchema> {
  const { alias, envdAccessToken, trafficAccessToken, allowInternetAccess } = record;
  const maskRequestHost = record.network?.maskRequestHost;
  return {
    templateId: record.templateId,
    baseTemplateId: record.templateId,
    buildId: record.buildId,
    sandboxId: record.sandboxId,
    teamId: record.teamId,
    executionId: record.executionId,
    envVars: { ...envVars },
    metadata: { ...record.metadata },
    envdVersion: record.envdVersion,
    runtime: record.runtime ?? "container",
    vcpu: BigInt(record.cpuCount),
    ramMb: BigInt(record.memoryMiB),
    totalDiskSizeMb: BigInt(record.diskMiB),
    maxSandboxLength: BigInt(record.maxLengthHours),
    autoPause: record.autoPause,
    autoPauseFilesystemOnly: !record.autoPauseMemory,
    ...(record.autoResume && {
      autoResume: { policy: "any", timeoutSeconds: BigInt(Math.ceil((record.autoResumeTimeoutMs ?? 0) / 1000)) },
    }),
    network: {
      egress: egressOf(record),
      ingress: {
        ...(trafficAccessToken !== undefined && { trafficAccessToken }),
        ...(maskRequestHost !== undefined && { maskRequestHost }),
      },
    },
    ...(record.iam !== undefined && { iam: { tokens: { ...record.iam } } }),
    ...(alias !== undefined && { alias }),
    ...(envdAccessToken !== undefined && { envdAccessToken }),
    ...(allowInternetAccess !== null && { allowInternetAccess }),
  };
}

export const toTimestamp = timestampFromMs;

/** What a node lists, as a record; undefined when it lacks what a record must have. */
export function fromNode(listed: RunningSandbox, node: { id: string; ip: string }): SandboxRecord | undefined {
  const { config, startTime, endTime } = listed;
  if (config === undefined || startTime === undefined || endTime === undefined || config.teamId === "")
    return undefined;
  const { alias, envdAccessToken, allowInternetAccess } = config;
  const trafficAccessToken = config.network?.ingress?.trafficAccessToken;
  return {
    sandboxId: config.sandboxId,
    teamId: config.teamId,
    templateId: config.baseTemplateId === "" ? config.templateId : config.baseTemplateId,
    buildId: config.buildId,
    executionId: config.executionId,
    nodeId: node.id,
    nodeIp: node.ip,
    state: "running",
    startedAtMs: timestampMs(startTime),
    endsAtMs: timestampMs(endTime),
    maxLengthHours: Number(config.maxSandboxLength),
    metadata: config.metadata,
    cpuCount: Number(config.vcpu),
    memoryMiB: Number(config.ramMb),
    diskMiB: Number(config.totalDiskSizeMb),
    envdVersion: config.envdVersion,
    ...(isRuntimeName(config.runtime) && { runtime: config.runtime }),
    allowInternetAccess: allowInternetAccess ?? null,
    autoPause: config.autoPause ?? false,
    autoPauseMemory: !(config.autoPauseFilesystemOnly ?? false),
    ...autoResumeOf(listed),
    ...(alias !== undefined && { alias }),
    ...(envdAccessToken !== undefined && { envdAccessToken }),
    ...(trafficAccessToken !== undefined && { trafficAccessToken }),
    ...iamOf(listed),
    ...networkOf(listed),
  };
}

function autoResumeOf({ config }: RunningSandbox): Pick<SandboxRecord, "autoResume" | "autoResumeTimeoutMs"> {
  if (config?.autoResume?.policy !== "any") return { autoResume: false };
  return { autoResume: true, autoResumeTimeoutMs: Number(config.autoResume.timeoutSeconds) * 1000 };
}

function iamOf({ config }: RunningSandbox): Pick<SandboxRecord, "iam"> {
  const tokens = Object.entries(config?.iam?.tokens ?? {});
  const named = tokens.map(([name, { audience, tokenType }]) => [name, { audience, tokenType }] as const);
  return named.length > 0 ? { iam: Object.fromEntries(named) } : {};
}

/** Near enough to what the user asked for; the wording of a request is not kept on the node. */
function networkOf({ config }: RunningSandbox): { network?: SandboxNetworkRequest } {
  const { egress, ingress } = config?.network ?? {};
  const deniesAllByFlag = config?.allowInternetAccess === false;
  const allowOut = [...(egress?.allowedCidrs ?? []), ...(egress?.allowedDomains ?? [])];
  const denyOut = deniesAllByFlag ? [] : (egress?.deniedCidrs ?? []);
  const network: SandboxNetworkRequest = {
    ...(allowOut.length > 0 && { allowOut }),
    ...(denyOut.length > 0 && { denyOut }),
    ...rulesOf(egress),
    ...proxyOf(egress),
    ...(ingress?.trafficAccessToken !== undefined && { allowPublicTraffic: false }),
    ...(ingress?.maskRequestHost !== undefined && { maskRequestHost: ingress.maskRequestHost }),
  };
  return Object.keys(network).length > 0 ? { network } : {};
}

function rulesOf(egress: SandboxNetworkEgressConfig | undefined): Pick<SandboxNetworkRequest, "rules"> {
  const rules = Object.entries(egress?.rules ?? {}).map(
    ([domain, { rules: list }]) =>
      [domain, list.map(({ transform }) => ({ transform: { headers: { ...transform?.headers } } }))] as const,
  );
  return rules.length > 0 ? { rules: Object.fromEntries(rules) } : {};
}

function proxyOf(egress: SandboxNetworkEgressConfig | undefined): Pick<SandboxNetworkRequest, "egressProxy"> {
  const { egressProxyAddress: address, egressProxyUsername: username, egressProxyPassword } = egress ?? {};
  if (address === undefined) return {};
  return {
    egressProxy: {
      address,
      ...(username !== undefined && { username }),
      ...(egressProxyPassword !== undefined && { sealedPassword: egressProxyPassword }),
    },
  };
}
