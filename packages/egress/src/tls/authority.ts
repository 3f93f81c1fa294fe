/** The installation's authority for guests whose requests are rewritten: made once, trusted by nobody else. */
import "reflect-metadata"; // the certificate library wires itself up by it
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { Clock } from "@sandlot/lifetime";
import { isErrno } from "@sandlot/linux";
import { egressFaults } from "../faults";
import { limits } from "../limits";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

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
  if (!existsSync(path)) await makeAuthority(path, clock.nowMs());
  try {
    const text = readFileSync(path, "utf8");
    const certPem = `${/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(text)?.[0] ?? ""}\n`;
    const keyPem = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/.exec(text)?.[0] ?? "";
    const authority = new X509Certificate(certPem);
    const [der] = PemConverter.decode(keyPem);
    const signingKey = await crypto.subtle.importKey("pkcs8", der as ArrayBuffer, ALGORITHM, false, ["sign"]);
    chmodSync(path, 0o600);
    return { certPem, leaf: keepLeaves((name) => issue({ authority, signingKey, name, nowMs: clock.nowMs() }), clock) };
  } catch (thrown) {
    throw egressFaults.authority_unusable(
      { path, why: thrown instanceof Error ? thrown.message : String(thrown) },
      thrown,
    );
  }
}

async function makeAuthority(path: string, nowMs: number): Promise<void> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Sandlot egress authority, O=Sandlot",
    keys,
    notBefore: new Date(nowMs - limits.backdateMs),
    notAfter: new Date(nowMs + limits.authorityMs),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}.new`;
  writeFileSync(fresh, `${certificate.toString("pem")}\n${await exportKey(keys.privateKey)}`, { mode: 0o600 });
  try {
    linkSync(fresh, path); // never over one that somebody made meanwhile
  } catch (thrown) {
    if (!isErrno(thrown, "EEXIST")) throw thrown;
  } finally {
    rmSync(fresh, { force: true });
  }
}

async function issue(of: {
  authority: X509Certificate;
  signingKey: CryptoKey;
  name: string;
  nowMs: number;
}): Promise<Leaf> {
  const { authority, name, nowMs } = of;
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const notAfterMs = nowMs + limits.leafMs;
  const certificate = await X509CertificateGenerator.create({
    // A common name may have 64 characters at most; the name itself stands in the extension.
    subject: `CN=${name.slice(0, 64)}`,
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: of.signingKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(nowMs - limits.backdateMs),
    notAfter: new Date(notAfterMs),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([SERVER_AUTH]),
      new SubjectAlternativeNameExtension([{ type: "dns", value: name }]),
      await AuthorityKeyIdentifierExtension.create(authority),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const certPem = `${certificate.toString("pem")}\n${authority.toString("pem")}\n`;
  return { certPem, keyPem: await exportKey(keys.privateKey), notAfterMs };
}

async function exportKey(key: CryptoKey): Promise<string> {
  return `${PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
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
