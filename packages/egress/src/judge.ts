/** Whether a connection may leave, and how it is dialled. Pure. Order: allowed domain, allowed CIDR, denied CIDR, allow (behaviour §4.3). */
import { type DomainRule, type EgressPolicy, type EgressProxy, matchesDomain } from "@sandlot/domain";
import { parseAddress, parseCidr, type Range } from "@sandlot/network";

/** A policy in the form connections are judged by. */
export type CompiledPolicy = {
  readonly allowedDomains: readonly string[];
  readonly allowed: readonly Range[];
  readonly denied: readonly Range[];
  readonly rules: ReadonlyMap<string, DomainRule>;
  readonly proxy: EgressProxy | undefined;
};

/** @throws Fault `network_bad_cidr` */
export function compilePolicy(policy: EgressPolicy): CompiledPolicy {
  return {
    allowedDomains: policy.allowedDomains,
    allowed: policy.allowedCidrs.map(parseCidr),
    denied: policy.deniedCidrs.map(parseCidr),
    rules: new Map(policy.rules.map((rule) => [rule.domain, rule])),
    proxy: policy.proxy,
  };
}

export type Verdict = { readonly isAllowed: boolean; readonly reason: "allowed_cidr" | "denied_cidr" | "default" };

export function judgeAddress(policy: CompiledPolicy, address: string): Verdict {
  const at = parseAddress(address);
  const isIn = (ranges: readonly Range[]): boolean =>
    at !== undefined && ranges.some(({ first, last }) => first <= at && at <= last);
  if (isIn(policy.allowed)) return { isAllowed: true, reason: "allowed_cidr" };
  if (at === undefined || isIn(policy.denied)) return { isAllowed: false, reason: "denied_cidr" };
  return { isAllowed: true, reason: "default" };
}

/** What the beginning of a connection told. */
export type Seen = {
  readonly protocol: "tls" | "http" | "tcp";
  /** Canonical; undefined when none was given or what was given is no name. */
  readonly name: string | undefined;
};

export type Judgement =
  /** To addresses that we look up ourselves: what the guest dialled does not matter, so lying about the name is no use. */
  | { readonly do: "dial_name"; readonly name: string; readonly reason: "allowed_domain" }
  | { readonly do: "dial_address"; readonly reason: "allowed_cidr" | "default" }
  /** Its requests are read and rewritten; dialled by name as well. `reason` allowed it. */
  | {
      readonly do: "transform";
      readonly rule: DomainRule;
      readonly reason: "allowed_domain" | "allowed_cidr" | "default";
    }
  | { readonly do: "refuse"; readonly reason: "denied_cidr" };

export function judge(policy: CompiledPolicy, seen: Seen, address: string): Judgement {
  const { name } = seen;
  const byName = name !== undefined && matchesDomain(name, policy.allowedDomains);
  const byAddress = judgeAddress(policy, address);
  if (!byName && !byAddress.isAllowed) return { do: "refuse", reason: "denied_cidr" };
  const rule = name === undefined ? undefined : policy.rules.get(name);
  const reason = byName ? "allowed_domain" : (byAddress.reason as "allowed_cidr" | "default");
  if (rule !== undefined) return { do: "transform", rule, reason };
  if (byName) return { do: "dial_name", name, reason: "allowed_domain" };
  return { do: "dial_address", reason: byAddress.reason as "allowed_cidr" | "default" };
}

/** Whether nothing a connection could say changes what becomes of it, so that nobody need wait for its first bytes. */
export function isDecidedByAddress(policy: CompiledPolicy, address: string): boolean {
  return policy.rules.size === 0 && (policy.allowedDomains.length === 0 || judgeAddress(policy, address).isAllowed);
}
