/** Where no sandbox may go, whatever its own rules say. */
import { networkInterfaces } from "node:os";
import { mergeRanges, parseAddress, parseCidr, type Range } from "./ranges";

/**
 * The union of behaviour.md §4.3 and the measured list of facts/container-runtime.md §2, plus metadata services that sit
 * at public-looking addresses. IPv6 has no list: guests have none at all.
 */
export const ALWAYS_DENIED_CIDRS = [
  "0.0.0.0/8", // "this host": Linux reads 0.0.0.0 as loopback
  "10.0.0.0/8",
  "100.64.0.0/10", // carrier NAT, and Alibaba's metadata at 100.100.100.200
  "127.0.0.0/8",
  "168.63.129.16/32", // Azure's wire server
  "169.254.0.0/16", // link-local, and most metadata services
  "172.16.0.0/12",
  "192.0.0.0/24", // protocol assignments, and Oracle's metadata at 192.0.0.192
  "192.0.2.0/24", // documentation; upstream's in-guest service address lives here
  "192.168.0.0/16",
  "198.18.0.0/15", // benchmarking
  "224.0.0.0/3", // multicast, reserved, broadcast
] as const;

export const ALWAYS_DENIED: readonly Range[] = mergeRanges(ALWAYS_DENIED_CIDRS.map(parseCidr));

/** The networks this host sits in, public ones included: its neighbours are no business of a guest. Not our own links. */
export function readHostRanges(): Range[] {
  const ranges: Range[] = [];
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (/^sl[a-z0-9]{4}[deh]/.test(name)) continue;
    for (const { family, cidr, address } of addresses ?? []) {
      if (family !== "IPv4" || parseAddress(address) === undefined) continue;
      ranges.push(parseCidr(cidr ?? address));
    }
  }
  return ranges;
}
