/** Which addresses images are fetched from. Pure but for the host's resolver. */
import { lookup } from "node:dns";
import { BlockList, isIP } from "node:net";
import { imageFaults } from "../faults";

const DENIED_V4: readonly [string, number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3], // multicast and reserved
];

const denied = new BlockList();
for (const [net, bits] of DENIED_V4) denied.addSubnet(net, bits, "ipv4");
const publicV6 = new BlockList();
publicV6.addSubnet("2000::", 3, "ipv6"); // all that is routed
const embeddedV4 = new BlockList();
embeddedV4.addSubnet("2002::", 16, "ipv6"); // 6to4
embeddedV4.addSubnet("2001::", 32, "ipv6"); // Teredo

/** True for loopback, private, link-local, shared and reserved addresses, in whatever form. */
export function isDeniedAddress(address: string): boolean {
  const mapped = /^::(?:ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return isDeniedAddress(mapped);
  if (isIP(address) === 4) return denied.check(address, "ipv4");
  if (isIP(address) !== 6) return true;
  return !publicV6.check(address, "ipv6") || embeddedV4.check(address, "ipv6");
}

/** @throws Fault `image_private_address` for a host that is such an address itself */
export function checkHost(hostname: string, isTrusted: boolean): void {
  const bare = hostname.replace(/^\[|\]$/g, "");
  if (!isTrusted && isIP(bare) !== 0 && isDeniedAddress(bare)) {
    throw imageFaults.private_address({ host: hostname, address: bare });
  }
}

type Found = (thrown: Error | null, found?: { address: string; family: number }[] | string, family?: number) => void;

/**
 * A resolver for one connection: what was checked is what is dialled, so a name that answers otherwise the next time gains
 * nothing. Fails with Fault `image_private_address` when any of a name's addresses is denied.
 */
export function checkedLookup(isTrusted: boolean) {
  return (hostname: string, options: { all?: boolean }, found: Found): void => {
    lookup(hostname, { all: true }, (thrown, addresses) => {
      if (thrown !== null) return found(thrown);
      const bad = isTrusted ? undefined : addresses.find(({ address }) => isDeniedAddress(address));
      if (bad !== undefined) return found(imageFaults.private_address({ host: hostname, address: bad.address }));
      const [first] = addresses;
      if (first === undefined) return found(new Error("the name has no address"));
      if (options.all === true) found(null, addresses);
      else found(null, first.address, first.family);
    });
  };
}
