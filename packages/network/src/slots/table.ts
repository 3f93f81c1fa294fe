/**
 * The rules inside one slot's namespace as text. Pure. Order of judgement for what a guest sends: spoofed or IPv6 → drop;
 * node resolver → by policy; established → accept; predefined → user's sets; always denied and foreign DNS → reject;
 * user allow → accept; user deny → reject; else accept.
 */
import type { AddressPolicy } from "@sandlot/domain";
import { ALWAYS_DENIED } from "../address/denied";
import { GUEST, type NetworkPlan, RESOLVER_PORT, type SlotPlan, UPLINK } from "../address/plan";
import { formatRange, mergeRanges, parseCidr, type Range, subtractRanges } from "../address/ranges";
import { limits } from "../limits";
import { elements, type PredefinedAllow } from "../root/table";

export type SlotRules = {
  readonly plan: NetworkPlan;
  readonly slot: SlotPlan;
  readonly denied: readonly Range[];
  readonly predefined: readonly PredefinedAllow[];
  /** TCP ports that no guest may dial outside, such as 25 against spam; empty for none. */
  readonly deniedTcpPorts: readonly number[];
};

/** Said at once and not rate-limited for TCP, so that programs fail fast instead of waiting. */
const REJECT = "goto refuse";

/** The table of a fresh slot, with the open policy. */
export function slotTable({ plan, slot, denied, predefined, deniedTcpPorts }: SlotRules): string {
  const toResolver = `ip daddr ${plan.resolverAddress} meta l4proto { tcp, udp } th dport ${RESOLVER_PORT}`;
  return `table inet sandlot {
  set denied {
    type ipv4_addr
    flags interval
    ${elements(mergeRanges([...denied, ...ALWAYS_DENIED, plan.slotRange]).map(formatRange))}
  }
  set predefined {
    type ipv4_addr . inet_service
    ${elements(predefined.map(({ address, port }) => `${address} . ${port}`))}
  }
  set user_allow {
    type ipv4_addr
    flags interval
  }
  set user_deny {
    type ipv4_addr
    flags interval
  }
  chain antispoof {
    type filter hook prerouting priority raw; policy accept;
    meta nfproto != ipv4 drop
    iifname "${GUEST.link}" ip saddr != ${GUEST.address} drop
    iifname "${UPLINK}" ip daddr != ${slot.address} drop
  }
  set dns_closed {
    type ipv4_addr
  }
  chain dns {
    ip daddr @dns_closed drop
    accept
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmp type admin-prohibited
  }
  chain user {
    ip daddr @user_allow accept
    ip daddr @user_deny ${REJECT}
    accept
  }
  chain egress {
    ct count over ${limits.flowsPerSlot} drop
    ip daddr . tcp dport @predefined goto user
    ip daddr @denied ${REJECT}
    meta l4proto { tcp, udp } th dport { 53, 853 } ${REJECT}
    ${deniedTcpPorts.length === 0 ? "" : `tcp dport { ${deniedTcpPorts.join(", ")} } ${REJECT}`}
    goto user
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "${GUEST.link}" oifname != "${UPLINK}" drop
    iifname "${UPLINK}" oifname != "${GUEST.link}" meta l4proto tcp reject with tcp reset
    iifname "${UPLINK}" oifname != "${GUEST.link}" drop
    iifname "${GUEST.link}" ${toResolver} limit rate over ${limits.dnsPacketsPerSecond}/second burst ${limits.dnsPacketsPerSecond} packets drop
    iifname "${GUEST.link}" ${toResolver} goto dns
    ct state established,related accept
    ct state invalid drop
    iifname "${UPLINK}" ip saddr ${slot.hostAddress} accept
    iifname "${GUEST.link}" goto egress
  }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    icmp type echo-request limit rate 10/second accept
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "${UPLINK}" ip saddr ${slot.hostAddress} ip daddr ${slot.address} dnat ip to ${GUEST.address}
    iifname "${GUEST.link}" ip daddr ${GUEST.gateway} meta l4proto { tcp, udp } th dport 53 dnat ip to ${plan.resolverAddress}:${RESOLVER_PORT}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "${UPLINK}" ip saddr ${GUEST.address} snat ip to ${slot.address}
  }
}
`;
}

/** A policy in the form the kernel takes; equal policies have equal texts, so that applying one twice costs nothing. */
export type PlannedEgress = {
  /** For a slot whose sets are empty, as a fresh one's are. Adding takes a third of the time of replacing, where the kernel
   * waits until no packet looks at what is removed. Empty for the open policy. */
  readonly additions: string;
  /** For any slot: replaces what is there in one transaction. */
  readonly replacement: string;
};

/**
 * The user's part of a slot's rules.
 * Names are answered only while some address is reachable: with everything denied, DNS would be the one way out.
 * @throws Fault `network_bad_cidr`
 */
export function planEgress(policy: AddressPolicy, resolverAddress: string): PlannedEgress {
  const allowed = readCidrs(policy.allowedCidrs);
  const denied = readCidrs(policy.deniedCidrs);
  const everything = [parseCidr("0.0.0.0/0")];
  const reachable = subtractRanges([...subtractRanges(everything, denied), ...allowed], ALWAYS_DENIED);
  const sets: Record<string, readonly string[]> = {
    dns_closed: reachable.length > 0 ? [] : [resolverAddress],
    user_allow: allowed.map(formatRange),
    user_deny: denied.map(formatRange),
  };
  const additions = Object.entries(sets).flatMap(([set, items]) =>
    items.length > 0 ? [`add element inet sandlot ${set} { ${items.join(", ")} }`] : [],
  );
  const flushes = Object.keys(sets).map((set) => `flush set inet sandlot ${set}`);
  return { additions: joined(additions), replacement: joined([...flushes, ...additions]) };
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/** IPv6 entries are dropped: guests have no IPv6, so denying it changes nothing and allowing it cannot help. */
function readCidrs(cidrs: readonly string[]): Range[] {
  return mergeRanges(cidrs.filter((cidr) => !/^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(\/\d{1,3})?$/.test(cidr)).map(parseCidr));
}
