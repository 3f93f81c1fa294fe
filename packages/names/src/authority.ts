import { join } from "node:path";
import { makeAuthority, openIssuer } from "@sandlot/certificates";
import { inspectKeyPair, type KeyPair, keepKeyPair, readKeyPair } from "./key-pair";
import { limits } from "./limits";

/** The installation's own certificate authority, for one domain and nothing else. */
export type Authority = {
  readonly certPem: string;
  readonly certPath: string;
  /** A certificate for the domain and every name one label below it. */
  issue(nowMs: number): Promise<KeyPair>;
};

/** Where the authority of a domain keeps its pair. */
export function authorityBase(dir: string, domain: string): string {
  return join(dir, "ca", domain);
}

/**
 * The authority of `domain`, made once. It can vouch for that domain alone (RFC 5280 name constraints): whoever installs it
 * trusts it for nothing else, even if its key were stolen.
 * @param dir gets `ca/<domain>.crt` and, mode 0600, `ca/<domain>.key`
 * @throws Fault `names_certificate_unusable`
 */
export async function ensureAuthority(of: { dir: string; domain: string; nowMs: number }): Promise<Authority> {
  const base = authorityBase(of.dir, of.domain);
  let pair = readKeyPair(base);
  if (pair === undefined || inspectKeyPair(pair, base).notAfterMs < of.nowMs + limits.leafMs) {
    const { domain, nowMs } = of;
    pair = await makeAuthority({ name: `Sandlot authority for ${domain}`, domain, nowMs, lifeMs: limits.authorityMs });
    keepKeyPair(base, pair);
  }
  const issuer = await openIssuer(pair);
  return {
    certPem: pair.certPem,
    certPath: `${base}.crt`,
    issue: (nowMs) => issuer.issue({ names: [of.domain, `*.${of.domain}`], nowMs, lifeMs: limits.leafMs }),
  };
}
