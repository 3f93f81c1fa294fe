/** Names and addresses of everything we make, worked out from the installation's tag and a slot's index. Pure. */
import { networkFaults } from "../faults";
import { formatAddress, parseCidr, type Range } from "./ranges";

/** Constant inside every sandbox, so that a snapshot resumes in any slot. */
export const GUEST = {
  address: "169.254.0.21",
  cidr: "169.254.0.21/30",
  gateway: "169.254.0.22",
  /** The link of the slot's namespace that faces the guest; the runtime makes it. */
  link: "guest0",
} as const;

/** The link of the slot's namespace that faces the host. */
export const UPLINK = "up0";

/** The resolver's port on its own address; guests dial 53 and are redirected. Not 53: hosts often run a server on all addresses. */
export const RESOLVER_PORT = 10_053;

/** Where the egress proxy listens in a slot whose TCP it judges. */
export const EGRESS_PORT = 15_001;

export type NetworkPlan = {
  readonly tag: string;
  readonly slotRange: Range;
  readonly slotCidr: string;
  readonly maxSlots: number;
  readonly table: string;
  readonly resolverLink: string;
  readonly resolverAddress: string;
};

export type SlotPlan = {
  readonly index: number;
  readonly netns: string;
  readonly netnsPath: string;
  readonly hostLink: string;
  readonly hostAddress: string;
  readonly address: string;
};

/**
 * Lays out a range: slot n has the n-th pair of addresses (host even, slot odd), the last pair is the resolver's.
 * @throws Fault `network_bad_config`
 */
export function planNetwork(of: { tag: string; slotCidr: string; maxSlots: number }): NetworkPlan {
  if (!/^[a-z0-9]{4}$/.test(of.tag))
    throw networkFaults.bad_config({ problem: `installation tag must be four of a-z and 0-9, got ${of.tag}` });
  const slotRange = parseCidr(of.slotCidr);
  const room = (slotRange.last - slotRange.first + 1) / 2 - 1;
  if (room < of.maxSlots || of.maxSlots < 1)
    throw networkFaults.bad_config({ problem: `${of.slotCidr} has room for ${room} slots, not for ${of.maxSlots}` });
  return {
    tag: of.tag,
    slotRange,
    slotCidr: of.slotCidr,
    maxSlots: of.maxSlots,
    table: `sandlot_${of.tag}`,
    resolverLink: `sl${of.tag}d`,
    resolverAddress: formatAddress(slotRange.last - 1),
  };
}

export function planSlot(plan: NetworkPlan, index: number): SlotPlan {
  const host = plan.slotRange.first + index * 2;
  const netns = `${netnsPrefix(plan.tag)}${index}`;
  return {
    index,
    netns,
    netnsPath: `/run/netns/${netns}`,
    hostLink: `${hostLinkPrefix(plan.tag)}${index}`,
    hostAddress: formatAddress(host),
    address: formatAddress(host + 1),
  };
}

export function netnsPrefix(tag: string): string {
  return `sandlot-${tag}-`;
}

export function hostLinkPrefix(tag: string): string {
  return `sl${tag}h`;
}

/** The tag as a number of its own: metric of our catch-all route, and group of links about to be deleted. */
export function installationNumber(tag: string): number {
  return 0x1000_0000 + Number.parseInt(tag, 36);
}

/** The slot index at the end of a name with this prefix; undefined for any other name. */
export function indexIn(name: string, prefix: string): number | undefined {
  const tail = name.startsWith(prefix) ? name.slice(prefix.length) : "";
  return /^\d{1,6}$/.test(tail) ? Number(tail) : undefined;
}
