import { create } from "@bufbuild/protobuf";
import {
  type SandboxConfig,
  SandboxNetworkConfigSchema,
  type SandboxNetworkEgressConfig,
  SandboxNetworkEgressConfigSchema,
} from "@sandlot/contracts/orchestrator";
import { type EgressPolicy, needsProxy } from "@sandlot/domain";
import type { SandboxEgress } from "../egress/node-slots";
import { nodeFaults } from "../faults";

const EVERYTHING = "0.0.0.0/0";

/**
 * The configuration with its egress spelled out: "no internet" becomes the denied range it means, so that from here
 * on one place says what is allowed and a later update can replace it as a whole.
 */
export function withExplicitEgress(config: SandboxConfig): SandboxConfig {
  if (config.allowInternetAccess !== false) return config;
  const egress = config.network?.egress ?? create(SandboxNetworkEgressConfigSchema);
  return withEgress(config, { ...egress, deniedCidrs: [EVERYTHING] });
}

export function withEgress(config: SandboxConfig, egress: SandboxNetworkEgressConfig): SandboxConfig {
  const ingress = config.network?.ingress;
  return {
    ...config,
    network: create(SandboxNetworkConfigSchema, { egress, ...(ingress === undefined ? {} : { ingress }) }),
  };
}

/** @throws Fault `node_request_invalid` when the proxy's address is none */
export function egressPolicyOf(config: SandboxConfig): SandboxEgress {
  const egress = config.network?.egress;
  const tokens = Object.entries(config.iam?.tokens ?? {});
  return {
    allowedCidrs: egress?.allowedCidrs ?? [],
    deniedCidrs: egress?.deniedCidrs ?? [],
    allowedDomains: egress?.allowedDomains ?? [],
    rules: Object.entries(egress?.rules ?? {}).map(([domain, { rules }]) => ({
      domain,
      headers: { ...rules[0]?.transform?.headers },
    })),
    proxy: egress === undefined ? undefined : proxyOf(egress),
    owner: {
      sandboxId: config.sandboxId,
      audiences: Object.fromEntries(tokens.map(([name, { audience }]) => [name, audience])),
    },
  };
}

/** Whether the sandbox must trust the installation's egress authority. */
export function hasHeaderRules(config: SandboxConfig): boolean {
  return Object.keys(config.network?.egress?.rules ?? {}).length > 0;
}

function proxyOf(egress: SandboxNetworkEgressConfig): EgressPolicy["proxy"] {
  const { egressProxyAddress: address, egressProxyUsername: username, egressProxyPassword: sealedPassword } = egress;
  if (address === undefined || address === "") return undefined;
  const match = /^([^:@/\s]{1,253}):(\d{1,5})$/.exec(address);
  if (match === null) throw nodeFaults.request_invalid({ problem: "egress_proxy_address must be host:port" });
  return { host: match[1] ?? "", port: Number(match[2]), username, sealedPassword };
}

export function isOpen(policy: EgressPolicy): boolean {
  return policy.allowedCidrs.length === 0 && policy.deniedCidrs.length === 0 && !needsProxy(policy);
}
