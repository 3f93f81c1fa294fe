/** What a request says about a sandbox's network, checked and turned into policy (behaviour §1.6, table `network`). */
import { defineFaults } from "@sandlot/faults";
import { canonicalName, type EgressPolicy } from "./egress";
import { planRules, type RulesRequest } from "./header-rules";

export const networkFaults = defineFaults("network_request", {
  bad_allowed: { kind: "invalid", say: (f: { entry: string }) => `invalid allowed address ${f.entry}` },
  bad_denied: { kind: "invalid", say: (f: { entry: string }) => `invalid denied CIDR ${f.entry}` },
  domains_without_deny_all: {
    kind: "invalid",
    say: () =>
      "When specifying allowed domains in allow out, you must include 'ALL_TRAFFIC' in deny out to block all other traffic.",
  },
  closed_but_not_secure: {
    kind: "invalid",
    say: () =>
      "You cannot create a sandbox without public access unless you enable secure envd access via 'secure' flag.",
  },
  mask_host_not_ascii: {
    kind: "invalid",
    say: (f: { host: string }) => `mask request host '${f.host}' is not ASCII. Please use ASCII characters only.`,
  },
  mask_host_bad: { kind: "invalid", say: (f: { why: string }) => `mask request host is not valid: ${f.why}` },
  too_many_entries: {
    kind: "invalid",
    say: (f: { list: string; limit: number }) => `network.${f.list} takes at most ${f.limit} entries`,
  },
});

/** Entries of one list; far above any real use, so that one request cannot make a huge firewall. */
const MAX_ENTRIES = 1_000;
export const ALL_TRAFFIC = "0.0.0.0/0";

export type EgressRequest = {
  readonly allowOut?: readonly string[] | undefined;
  readonly denyOut?: readonly string[] | undefined;
  readonly rules?: RulesRequest | undefined;
};
export type NetworkRequest = EgressRequest & {
  readonly allowPublicTraffic?: boolean | undefined;
  readonly maskRequestHost?: string | undefined;
};

/** `a.b.c.d` or `a.b.c.d/n` in canonical form, host bits cleared; undefined when it is neither. IPv4 only: guests have no IPv6. */
export function canonicalCidr(text: string): string | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (match === null) return undefined;
  const parts = match.slice(1, 5);
  if (parts.some((part) => Number(part) > 255 || (part.length > 1 && part.startsWith("0")))) return undefined;
  const bits = match[5] === undefined ? 32 : Number(match[5]);
  if (bits > 32 || (match[5]?.length === 2 && match[5].startsWith("0"))) return undefined;
  const address = parts.reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - bits);
  const start = address - (address % size);
  // 0.0.0.0/0 means everything; any other network that begins at 0.0.0.0 is a slip of the pen.
  if (start === 0 && bits !== 0) return undefined;
  if (bits === 0 && address !== 0) return undefined;
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256);
  return `${octets.join(".")}/${bits}`;
}

/** `example.com`, `*.example.com` or `*` in lower case; undefined when it is none of them. */
function canonicalPattern(text: string): string | undefined {
  if (text === "*") return text;
  const isWild = text.startsWith("*.");
  const name = canonicalName(isWild ? text.slice(2) : text);
  return name === undefined || text.endsWith(".") ? undefined : `${isWild ? "*." : ""}${name}`;
}

/**
 * The egress half, for create and for `PUT …/network`. Its proxy is read by `parseEgressProxy`.
 * @param allowInternetAccess false denies everything that `allowOut` does not name
 * @throws Fault of `networkFaults` and `ruleFaults`
 */
export function planEgress(
  request: EgressRequest,
  allowInternetAccess: boolean | undefined,
): Omit<EgressPolicy, "proxy"> {
  const allowOut = request.allowOut ?? [];
  const denyOut = request.denyOut ?? [];
  for (const [list, entries] of Object.entries({ allowOut, denyOut })) {
    if (entries.length > MAX_ENTRIES) throw networkFaults.too_many_entries({ list, limit: MAX_ENTRIES });
  }
  const denied = denyOut.map((entry) => {
    const cidr = canonicalCidr(entry);
    if (cidr === undefined) throw networkFaults.bad_denied({ entry: entry.slice(0, 256) });
    return cidr;
  });
  const allowed: string[] = [];
  const domains: string[] = [];
  for (const entry of allowOut) {
    const cidr = canonicalCidr(entry);
    const pattern = cidr === undefined ? canonicalPattern(entry) : undefined;
    if (cidr !== undefined) allowed.push(cidr);
    else if (pattern !== undefined) domains.push(pattern);
    else throw networkFaults.bad_allowed({ entry: entry.slice(0, 256) });
  }
  if (domains.length > 0 && !denied.includes(ALL_TRAFFIC)) throw networkFaults.domains_without_deny_all({});
  return {
    allowedCidrs: [...new Set(allowed)],
    deniedCidrs: allowInternetAccess === false ? [ALL_TRAFFIC] : [...new Set(denied)],
    allowedDomains: [...new Set(domains)],
    rules: planRules(request.rules ?? {}),
  };
}

/** Host or host:port in ASCII; `${PORT}` stands for the requested port. */
function checkMaskHost(host: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the question is whether the text is ASCII
  if (!/^[\x00-\x7f]*$/.test(host)) throw networkFaults.mask_host_not_ascii({ host: host.slice(0, 256) });
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the wire's placeholder looks like this
  const plain = host.replaceAll("${PORT}", "1");
  const match = /^([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)(?::(\d{1,5}))?$/i.exec(plain);
  if (match === null || plain.length > 261) throw networkFaults.mask_host_bad({ why: "it must be host or host:port" });
  if (match[2] !== undefined && (Number(match[2]) < 1 || Number(match[2]) > 65_535)) {
    throw networkFaults.mask_host_bad({ why: "the port is out of range" });
  }
}

/** The ingress half: whether ports are open to everybody, and which Host the program inside is to see. */
export function checkIngress(request: NetworkRequest, secure: boolean): { allowPublicTraffic: boolean } {
  if (request.maskRequestHost !== undefined) checkMaskHost(request.maskRequestHost);
  const allowPublicTraffic = request.allowPublicTraffic ?? true;
  if (!allowPublicTraffic && !secure) throw networkFaults.closed_but_not_secure({});
  return { allowPublicTraffic };
}
