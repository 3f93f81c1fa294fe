import { create } from "@bufbuild/protobuf";
import {
  type SandboxConfig,
  SandboxNetworkConfigSchema,
  type SandboxNetworkEgressConfig,
  SandboxNetworkEgressConfigSchema,
} from "@sandlot/contracts/orchestrator";
import type { EgressPolicy } from "@sandlot/domain";
import { nodeFaults } from "../faults";

const EVERYTHING = "0.0.0.0/0";

/**
 * The configuration with its egress spelled out: "no internet" becomes the denied range it means, so that from here
 * on one place says what is allowed and a later update can replace it as a whole.
 */
export function withExplicitEgress(config: SandboxConfig): SandboxConfig {
  if (config.allowInternetAccess !== false) return config;
  const egress = config.network?.egress;
  return withEgress(
    config,
    create(SandboxNetworkEgressConfigSchema, {
      allowedCidrs: egress?.allowedCidrs ?? [],
      allowedDomains: egress?.allowedDomains ?? [],
      deniedCidrs: [EVERYTHING],
    }),
  );
}

export function withEgress(config: SandboxConfig, egress: SandboxNetworkEgressConfig): SandboxConfig {
  const ingress = config.network?.ingress;
  return {
    ...config,
    network: create(SandboxNetworkConfigSchema, { egress, ...(ingress === undefined ? {} : { ingress }) }),
  };
}

/** @throws Fault `node_domains_unsupported` rather than leaving a rule out in silence */
export function egressPolicyOf(config: SandboxConfig): EgressPolicy {
  const egress = config.network?.egress;
  if (egress !== undefined && egress.allowedDomains.length > 0)
    throw nodeFaults.domains_unsupported({ field: "allowed_domains" });
  return { allowedCidrs: egress?.allowedCidrs ?? [], deniedCidrs: egress?.deniedCidrs ?? [] };
}

export function isOpen(policy: EgressPolicy): boolean {
  return policy.allowedCidrs.length === 0 && policy.deniedCidrs.length === 0;
}
