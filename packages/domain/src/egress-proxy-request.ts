/** `network.egressProxy`: a SOCKS5 server of the user's own (behaviour §1.6). */
import { defineFaults } from "@sandlot/faults";
import { canonicalName } from "./egress";
import { canonicalCidr } from "./network-request";

export const egressProxyFaults = defineFaults("egress_proxy", {
  bad: { kind: "invalid", say: (f: { why: string }) => `Invalid egress proxy config: ${f.why}` },
  /** Wire text of behaviour.md §1.6. */
  not_enabled: {
    kind: "forbidden",
    say: (_: Record<never, never>) => "Egress proxy (network.egressProxy) is not enabled for this team.",
  },
});

export type EgressProxyRequest = {
  readonly address: string;
  readonly username?: string | null | undefined;
  readonly password?: string | null | undefined;
};

/** As it is asked for; the address is looked at again, with all ranges that the node denies, when it is dialled. */
export type ParsedEgressProxy = {
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
};

const INTERNAL =
  /^(?:0|10|127)\.|^169\.254\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\.|^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./;

/** @throws Fault `egress_proxy_bad` */
export function parseEgressProxy(request: EgressProxyRequest): ParsedEgressProxy {
  const bad = (why: string) => egressProxyFaults.bad({ why });
  const match = /^([^:@/\s]{1,253}):(\d{1,5})$/.exec(request.address);
  const host = match?.[1] ?? "";
  const port = Number(match?.[2] ?? 0);
  if (match === null || port < 1 || port > 65_535) throw bad("address must be host:port");
  const isAddress = canonicalCidr(host) !== undefined;
  if (!isAddress && canonicalName(host) === undefined)
    throw bad("address must be host:port with a name or an IPv4 address");
  if ((isAddress && INTERNAL.test(host)) || /(?:^|\.)localhost\.?$/i.test(host))
    throw bad("address is in an internal range");
  const username = request.username ?? "";
  const password = request.password ?? "";
  for (const [name, value] of [
    ["username", username],
    ["password", password],
  ] as const)
    if (Buffer.byteLength(value) > 255) throw bad(`${name} is longer than 255 bytes`);
  if (username === "" && password !== "") throw bad("password without username");
  return {
    host,
    port,
    username: username === "" ? undefined : username,
    password: password === "" ? undefined : password,
  };
}
