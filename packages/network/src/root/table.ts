/** The host's own table as text. Pure. It names our links only; every other packet falls through it untouched. */
import { hostLinkPrefix, type NetworkPlan, RESOLVER_PORT } from "../address/plan";
import { formatRange, mergeRanges, type Range } from "../address/ranges";

/** One service that guests may reach although it lies in a denied range, such as the corporate proxy. TCP. */
export type PredefinedAllow = { readonly address: string; readonly port: number };

export type RootRules = {
  readonly plan: NetworkPlan;
  readonly denied: readonly Range[];
  readonly predefined: readonly PredefinedAllow[];
};

/** Replaces the whole table in one transaction: adopted sandboxes see no gap and keep their open connections. */
export function rootTable({ plan, denied, predefined }: RootRules): string {
  const links = `"${hostLinkPrefix(plan.tag)}*"`;
  const resolver = plan.resolverAddress;
  return `table inet ${plan.table}
delete table inet ${plan.table}
table inet ${plan.table} {
  set denied {
    type ipv4_addr
    flags interval
    ${elements(mergeRanges(denied).map(formatRange))}
  }
  set predefined {
    type ipv4_addr . inet_service
    ${elements(predefined.map(({ address, port }) => `${address} . ${port}`))}
  }
  chain antispoof {
    type filter hook prerouting priority raw; policy accept;
    iifname ${links} jump antispoof_slot
  }
  chain antispoof_slot {
    meta nfproto != ipv4 drop
    ip saddr != ${plan.slotCidr} drop
    fib saddr . iif oif missing drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname ${links} jump from_slot
    oifname ${links} jump to_slot
  }
  chain from_slot {
    tcp flags syn tcp option maxseg size set rt mtu
    oifname "sl*" drop
    ct state established,related accept
    ct state invalid drop
    ct status dnat drop
    ip daddr . tcp dport @predefined accept
    ip daddr @denied meta l4proto tcp reject with tcp reset
    ip daddr @denied reject with icmp type admin-prohibited
    accept
  }
  chain to_slot {
    tcp flags syn tcp option maxseg size set rt mtu
    ct state established,related accept
    drop
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname ${links} jump input_from_slot
    iifname != "lo" ip daddr ${resolver} drop
  }
  chain input_from_slot {
    # Errors from one guest would surface on the socket that serves all.
    ip daddr ${resolver} icmp type != echo-request drop
    ct state established,related accept
    ip daddr ${resolver} udp dport ${RESOLVER_PORT} accept
    ip daddr ${resolver} tcp dport ${RESOLVER_PORT} accept
    ip daddr . tcp dport @predefined accept
    ip daddr ${plan.slotCidr} icmp type echo-request limit rate 10/second accept
    drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname != "sl*" oifname != "lo" ip saddr ${plan.slotCidr} ip daddr != ${plan.slotCidr} masquerade
  }
}
`;
}

/** Exchanges the denied set alone, when the host's own networks change. */
export function deniedUpdate(plan: NetworkPlan, denied: readonly Range[]): string {
  const set = `inet ${plan.table} denied`;
  return `flush set ${set}\nadd element ${set} { ${mergeRanges(denied).map(formatRange).join(", ")} }\n`;
}

/** An empty set must not carry an element line at all. */
export function elements(items: readonly string[]): string {
  return items.length === 0 ? "" : `elements = { ${items.join(", ")} }`;
}
