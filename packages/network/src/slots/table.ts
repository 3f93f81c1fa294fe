/**
 * The rules inside one slot's namespace as text. Pure. Order of judgement for what a guest sends: spoofed or IPv6 → drop;
 * node resolver → by policy; established → accept; predefined → user's sets; always denied and foreign DNS → reject;
 * user allow → accept; user deny → reject; else accept.
 */
import type { AddressPolicy } from "@sandlot/domain";
import type { SetContent } from "@sandlot/linux";
import { ALWAYS_DENIED } from "../address/denied";
import { EGRESS_PORT, GUEST, type NetworkPlan, RESOLVER_PORT, type SlotPlan, UPLINK } from "../address/plan";
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
  readonly throttle: Throttle;
};

/** What one sandbox may use of the network at most. */
export type Throttle = {
  /** Live connections, closing ones included. */
  readonly flows: number;
  /** New connections per second; 0 is no limit. */
  readonly newFlowsPerSecond: number;
  /** Each way, in KiB per second; 0 is no limit. */
  readonly kibPerSecond: number;
};

/** Said at once and not rate-limited for TCP, so that programs fail fast instead of waiting. */
const REJECT = "goto refuse";

/** The table of a fresh slot, with the open policy. */
export function slotTable({ plan, slot, denied, predefined, deniedTcpPorts, throttle }: SlotRules): string {
  const closedPorts = [53, 853, ...deniedTcpPorts].join(", ");
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
  # Holds the guest's address while the egress proxy judges its TCP.
  set tcp_judged {
    type ipv4_addr
  }
  # Holds the guest's address while all it sends is to leave through a proxy of the user's, which carries TCP alone.
  set tcp_only {
    type ipv4_addr
  }
  chain throttle_in {
    type filter hook prerouting priority mangle; policy accept;
    iifname "${GUEST.link}" ct state new ct count over ${throttle.flows} drop
    ${throttleLines(throttle, `iifname "${GUEST.link}"`)}
  }
  chain throttle_out {
    type filter hook postrouting priority mangle; policy accept;
    ${throttleLines({ ...throttle, newFlowsPerSecond: 0 }, `oifname "${GUEST.link}"`)}
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
    ip saddr @tcp_only meta l4proto != tcp ${REJECT}
    ip daddr @user_deny ${REJECT}
    accept
  }
  chain egress {
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
    iifname "${GUEST.link}" ip saddr @tcp_judged ct status dnat tcp dport ${EGRESS_PORT} accept
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "${UPLINK}" ip saddr ${slot.hostAddress} ip daddr ${slot.address} dnat ip to ${GUEST.address}
    iifname "${GUEST.link}" ip daddr ${GUEST.gateway} meta l4proto { tcp, udp } th dport 53 dnat ip to ${plan.resolverAddress}:${RESOLVER_PORT}
    # What the chains above refuse to everybody is left to them.
    iifname "${GUEST.link}" ip saddr @tcp_judged meta l4proto tcp ip daddr != @denied tcp dport != { ${closedPorts} } ip daddr . tcp dport != @predefined dnat ip to ${GUEST.gateway}:${EGRESS_PORT}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "${UPLINK}" ip saddr ${GUEST.address} snat ip to ${slot.address}
  }
}
`;
}

/** The table again, with the open policy, in place of whatever is there; nothing passes in between. */
export function tableAnew(rules: SlotRules): string {
  return `table inet sandlot\ndelete table inet sandlot\n${slotTable(rules)}`;
}

function throttleLines({ newFlowsPerSecond: rate, kibPerSecond: kib }: Throttle, match: string): string {
  const lines = [];
  if (rate > 0) lines.push(`${match} ct state new limit rate over ${rate}/second burst ${rate} packets drop`);
  // Beyond the second's worth that the kernel lets pass at once anyway.
  const burst = Math.max(Math.ceil(kib / 4), 256);
  if (kib > 0) lines.push(`${match} limit rate over ${kib} kbytes/second burst ${burst} kbytes drop`);
  return lines.join("\n    ");
}

/** What is applied to a slot. */
export type SlotPolicy = AddressPolicy & {
  /** All its TCP that is not denied to everybody goes to a listener on `EGRESS_PORT` in the slot, which judges it instead. */
  readonly isTcpJudged?: boolean;
  /** Beside the resolver nothing but TCP leaves, except towards allowed CIDRs. */
  readonly isTcpOnly?: boolean;
  /** Names that stay answered although no address is reachable; see `guestNames`. */
  readonly allowedDomains?: readonly string[];
};

/** A policy in the form the kernel takes. */
export type PlannedEgress = {
  /** What the slot's sets hold, each of them named. */
  readonly sets: readonly SetContent[];
  /** As text, for a slot whose sets are empty. Equal policies have equal texts; that of the open policy is empty. */
  readonly additions: string;
};

/**
 * The user's part of a slot's rules.
 * Names are answered only while some address is reachable: with everything denied, DNS would be the one way out.
 * @throws Fault `network_bad_cidr`
 */
export function planEgress(policy: SlotPolicy, resolverAddress: string): PlannedEgress {
  const allowed = readCidrs(policy.allowedCidrs);
  const denied = readCidrs(policy.deniedCidrs);
  const isClosed = guestNames(policy)?.length === 0;
  const only = (address: string, isIn: boolean): Range[] => (isIn ? [parseCidr(address)] : []);
  const sets: SetContent[] = [
    { set: "dns_closed", isInterval: false, ranges: only(resolverAddress, isClosed) },
    { set: "tcp_judged", isInterval: false, ranges: only(GUEST.address, policy.isTcpJudged === true) },
    { set: "tcp_only", isInterval: false, ranges: only(GUEST.address, policy.isTcpOnly === true) },
    { set: "user_allow", isInterval: true, ranges: allowed },
    { set: "user_deny", isInterval: true, ranges: denied },
  ];
  const additions = sets.flatMap(({ set, ranges }) =>
    ranges.length > 0 ? [`add element inet sandlot ${set} { ${ranges.map(formatRange).join(", ")} }\n`] : [],
  );
  return { sets, additions: additions.join("") };
}

/**
 * The names a guest may look up, as domain patterns; undefined for all. With no address reachable otherwise, names beyond
 * those of its domains would only serve to carry data out.
 * @throws Fault `network_bad_cidr`
 */
export function guestNames(policy: SlotPolicy): readonly string[] | undefined {
  const everything = [parseCidr("0.0.0.0/0")];
  const open = subtractRanges(everything, readCidrs(policy.deniedCidrs));
  const reachable = subtractRanges([...open, ...readCidrs(policy.allowedCidrs)], ALWAYS_DENIED);
  return reachable.length > 0 ? undefined : (policy.allowedDomains ?? []);
}

/** IPv6 entries are dropped: guests have no IPv6, so denying it changes nothing and allowing it cannot help. */
function readCidrs(cidrs: readonly string[]): Range[] {
  return mergeRanges(cidrs.filter((cidr) => !/^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(\/\d{1,3})?$/.test(cidr)).map(parseCidr));
}
