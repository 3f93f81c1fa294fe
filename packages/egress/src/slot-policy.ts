import { type EgressPolicy, needsProxy } from "@sandlot/domain";
import type { SlotPolicy } from "@sandlot/network";

/** The slot's part of a policy: what is left to its rules, and what they leave to the proxy. */
export function slotPolicyOf(policy: EgressPolicy): SlotPolicy & { readonly isTcpJudged: boolean } {
  const { allowedCidrs, deniedCidrs, allowedDomains, proxy } = policy;
  // What a proxy of the user's does not carry would leave from our own address.
  const isTcpOnly = proxy !== undefined;
  return { allowedCidrs, deniedCidrs, allowedDomains, isTcpJudged: needsProxy(policy), isTcpOnly };
}
