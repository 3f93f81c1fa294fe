/** What a sandbox may reach. Domains arrive with the egress proxy; until then they are refused at the API. */
export type EgressPolicy = {
  /** Addresses or CIDRs, IPv4. Win over `deniedCidrs`, never over the always-denied ranges. */
  readonly allowedCidrs: readonly string[];
  readonly deniedCidrs: readonly string[];
};

/** Internet yes, always-denied ranges no. */
export const OPEN_EGRESS: EgressPolicy = { allowedCidrs: [], deniedCidrs: [] };
