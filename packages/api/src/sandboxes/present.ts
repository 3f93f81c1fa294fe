/** Records in the shapes of the wire (behaviour §1.5). */
import type { components } from "@sandlot/contracts/rest";
import { CLIENT_ID, type RulesRequest } from "@sandlot/domain";
import type { SandboxRecord, StoredEgressProxy } from "@sandlot/state";

type Schemas = components["schemas"];

export function toSandbox(record: SandboxRecord): Schemas["Sandbox"] {
  return {
    templateID: record.templateId,
    sandboxID: record.sandboxId,
    ...(record.alias !== undefined && { alias: record.alias }),
    clientID: CLIENT_ID,
    envdVersion: record.envdVersion,
    ...(record.envdAccessToken !== undefined && { envdAccessToken: record.envdAccessToken }),
    trafficAccessToken: record.trafficAccessToken ?? null,
    // Only teams with a domain of their own would get one here; clients then use it instead of their configured one.
    domain: null,
  };
}

export function toListed(record: SandboxRecord): Schemas["ListedSandbox"] {
  return {
    templateID: record.templateId,
    ...(record.alias !== undefined && { alias: record.alias }),
    sandboxID: record.sandboxId,
    clientID: CLIENT_ID,
    startedAt: new Date(record.startedAtMs).toISOString(),
    endAt: new Date(record.endsAtMs).toISOString(),
    cpuCount: record.cpuCount,
    memoryMB: record.memoryMiB,
    diskSizeMB: record.diskMiB,
    metadata: { ...record.metadata },
    state: record.state === "paused" || record.state === "pausing" ? "paused" : "running",
    envdVersion: record.envdVersion,
  };
}

export function toDetail(record: SandboxRecord): Schemas["SandboxDetail"] {
  return {
    ...toListed(record),
    runtime: record.runtime ?? "container",
    ...(record.envdAccessToken !== undefined && { envdAccessToken: record.envdAccessToken }),
    allowInternetAccess: record.allowInternetAccess,
    domain: null,
    ...(record.network !== undefined && { network: toNetwork(record.network) }),
    lifecycle: { autoResume: record.autoResume, onTimeout: record.autoPause ? "pause" : "kill" },
  };
}

function toNetwork(network: NonNullable<SandboxRecord["network"]>): Schemas["SandboxNetwork"] {
  const { allowPublicTraffic, allowOut, denyOut, maskRequestHost, rules, egressProxy } = network;
  return {
    ...(allowPublicTraffic !== undefined && { allowPublicTraffic }),
    ...(allowOut !== undefined && { allowOut: [...allowOut] }),
    ...(denyOut !== undefined && { denyOut: [...denyOut] }),
    ...(maskRequestHost !== undefined && { maskRequestHost }),
    ...(rules !== undefined && { rules: toRules(rules) }),
    ...(egressProxy !== undefined && { egressProxy: toEgressProxy(egressProxy) }),
  };
}

/** Values as they were given; placeholders stay placeholders. */
function toRules(rules: RulesRequest): NonNullable<Schemas["SandboxNetwork"]["rules"]> {
  return Object.fromEntries(
    Object.entries(rules).map(([domain, list]) => [
      domain,
      list.map(({ transform }) =>
        transform === undefined ? {} : { transform: { headers: { ...transform.headers } } },
      ),
    ]),
  );
}

/** Never its password, in whatever form. */
function toEgressProxy({ address, username }: StoredEgressProxy): Schemas["EgressProxy"] {
  return { address, ...(username !== undefined && { username }) };
}
