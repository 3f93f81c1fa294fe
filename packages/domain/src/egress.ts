/** What a sandbox may reach, and what happens to its requests on the way out. */

/** Headers set on every HTTP request towards one domain; values may hold placeholders. */
export type DomainRule = {
  /** One exact name in lower case. */
  readonly domain: string;
  readonly headers: Readonly<Record<string, string>>;
};

/** SOCKS5 server that all of a sandbox's TCP leaves through. */
export type EgressProxy = {
  /** Name or IPv4 address. */
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  /** Sealed; opened only when a connection is made. */
  readonly sealedPassword: string | undefined;
};

/** What the firewall alone can judge. */
export type AddressPolicy = {
  /** Addresses or CIDRs, IPv4. Win over `deniedCidrs`, never over the always-denied ranges. */
  readonly allowedCidrs: readonly string[];
  readonly deniedCidrs: readonly string[];
};

export type EgressPolicy = AddressPolicy & {
  /** `example.com`, `*.example.com` (not the apex) or `*`, in lower case. Win over every CIDR; TCP only. */
  readonly allowedDomains: readonly string[];
  readonly rules: readonly DomainRule[];
  readonly proxy: EgressProxy | undefined;
};

/** Internet yes, always-denied ranges no. */
export const OPEN_EGRESS: EgressPolicy = {
  allowedCidrs: [],
  deniedCidrs: [],
  allowedDomains: [],
  rules: [],
  proxy: undefined,
};

/** Whether connections must be looked into: without, the firewall alone decides and nothing is paid. */
export function needsProxy({ allowedDomains, rules, proxy }: EgressPolicy): boolean {
  return allowedDomains.length > 0 || rules.length > 0 || proxy !== undefined;
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * A host name as it is compared: lower case, without the root's dot. Undefined for addresses in any spelling and for what
 * no name server would be asked.
 */
export function canonicalName(text: string): string | undefined {
  const name = (text.endsWith(".") ? text.slice(0, -1) : text).toLowerCase();
  if (name.length === 0 || name.length > 253) return undefined;
  const labels = name.split(".");
  if (!labels.every((label) => LABEL.test(label))) return undefined;
  // What ends in a number is an address to some resolver: 127.1, 0x7f.1, 2130706433.
  return /^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "") ? undefined : name;
}

/** @param name canonical @param patterns in lower case: exact, `*.suffix` (not the apex itself), or `*` */
export function matchesDomain(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    pattern === "*" ? true : pattern.startsWith("*.") ? name.endsWith(pattern.slice(1)) : name === pattern,
  );
}
