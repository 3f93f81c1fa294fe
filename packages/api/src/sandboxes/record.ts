/** A sandbox's record and what a node is told of it: one from the other, both ways. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { RunningSandbox, SandboxConfigSchema } from "@sandlot/contracts/orchestrator";
import { type EgressPolicy, planEgress } from "@sandlot/domain";
import type { SandboxNetworkRequest, SandboxRecord } from "@sandlot/state";

/** The rules in force for a record: what was asked for, with `allow_internet_access: false` on top. */
export function egressOf(record: Pick<SandboxRecord, "network" | "allowInternetAccess">): EgressPolicy {
  const { allowOut, denyOut } = record.network ?? {};
  return planEgress({ allowOut, denyOut }, record.allowInternetAccess ?? undefined);
}

export function toEgressConfig({ allowedCidrs, deniedCidrs }: EgressPolicy) {
  return { allowedCidrs: [...allowedCidrs], deniedCidrs: [...deniedCidrs], allowedDomains: [] };
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
    vcpu: BigInt(record.cpuCount),
    ramMb: BigInt(record.memoryMiB),
    totalDiskSizeMb: BigInt(record.diskMiB),
    maxSandboxLength: BigInt(record.maxLengthHours),
    autoPause: record.autoPause,
    network: {
      egress: toEgressConfig(egressOf(record)),
      ingress: {
        ...(trafficAccessToken !== undefined && { trafficAccessToken }),
        ...(maskRequestHost !== undefined && { maskRequestHost }),
      },
    },
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
    allowInternetAccess: allowInternetAccess ?? null,
    autoPause: config.autoPause ?? false,
    autoPauseMemory: true,
    autoResume: false,
    ...(alias !== undefined && { alias }),
    ...(envdAccessToken !== undefined && { envdAccessToken }),
    ...(trafficAccessToken !== undefined && { trafficAccessToken }),
    ...networkOf(listed),
  };
}

/** Near enough to what the user asked for; the wording of a request is not kept on the node. */
function networkOf({ config }: RunningSandbox): { network?: SandboxNetworkRequest } {
  const { egress, ingress } = config?.network ?? {};
  const deniesAllByFlag = config?.allowInternetAccess === false;
  const allowOut = egress?.allowedCidrs ?? [];
  const denyOut = deniesAllByFlag ? [] : (egress?.deniedCidrs ?? []);
  const network: SandboxNetworkRequest = {
    ...(allowOut.length > 0 && { allowOut }),
    ...(denyOut.length > 0 && { denyOut }),
    ...(ingress?.trafficAccessToken !== undefined && { allowPublicTraffic: false }),
    ...(ingress?.maskRequestHost !== undefined && { maskRequestHost: ingress.maskRequestHost }),
  };
  return Object.keys(network).length > 0 ? { network } : {};
}
