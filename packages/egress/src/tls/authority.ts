/** The installation's authority for guests whose requests are rewritten: made once, trusted by nobody else. */
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Issuer, makeAuthority, openIssuer } from "@sandlot/certificates";
import type { Clock } from "@sandlot/lifetime";
import { isErrno } from "@sandlot/linux";
import { egressFaults } from "../faults";
import { limits } from "../limits";

export type Leaf = { readonly certPem: string; readonly keyPem: string; readonly notAfterMs: number };

export type Authority = {
  /** What guests are to trust. */
  readonly certPem: string;
  /** A certificate for one name, with its chain; kept until half its life is over. */
  leaf(name: string): Promise<Leaf>;
};

/**
 * @param path one PEM file of key and certificate, mode 0600; made if it is not there, by one of several that try
 * @throws Fault `egress_authority_unusable`
 */
export async function ensureAuthority(path: string, clock: Clock): Promise<Authority> {
  if (!existsSync(path)) await keepNew(path, clock.nowMs());
  try {
    const text = readFileSync(path, "utf8");
    const certPem = `${/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(text)?.[0] ?? ""}\n`;
    const keyPem = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/.exec(text)?.[0] ?? "";
    const issuer = await openIssuer({ certPem, keyPem });
    chmodSync(path, 0o600);
    return { certPem, leaf: keepLeaves((name) => issue(issuer, name, clock.nowMs()), clock) };
  } catch (thrown) {
    throw egressFaults.authority_unusable(
      { path, why: thrown instanceof Error ? thrown.message : String(thrown) },
      thrown,
    );
  }
}

async function keepNew(path: string, nowMs: number): Promise<void> {
  const { certPem, keyPem } = await makeAuthority({
    name: "Sandlot egress authority",
    nowMs,
    lifeMs: limits.authorityMs,
  });
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}.new`;
  writeFileSync(fresh, `${certPem}${keyPem}`, { mode: 0o600 });
  try {
    linkSync(fresh, path); // never over one that somebody made meanwhile
  } catch (thrown) {
    if (!isErrno(thrown, "EEXIST")) throw thrown;
  } finally {
    rmSync(fresh, { force: true });
  }
}

async function issue(issuer: Issuer, name: string, nowMs: number): Promise<Leaf> {
  const lifeMs = limits.leafMs;
  return { ...(await issuer.issue({ names: [name], nowMs, lifeMs })), notAfterMs: nowMs + lifeMs };
}

function keepLeaves(make: (name: string) => Promise<Leaf>, clock: Clock): Authority["leaf"] {
  const kept = new Map<string, { readonly untilMs: number; readonly leaf: Promise<Leaf> }>();
  return (name) => {
    const nowMs = clock.nowMs();
    const found = kept.get(name);
    if (found !== undefined && nowMs < found.untilMs) return found.leaf;
    const leaf = make(name);
    leaf.catch(() => kept.delete(name));
    kept.delete(name);
    kept.set(name, { untilMs: nowMs + limits.leafMs / 2, leaf });
    const [oldest] = kept.keys();
    if (kept.size > limits.leaves && oldest !== undefined) kept.delete(oldest);
    return leaf;
  };
}
