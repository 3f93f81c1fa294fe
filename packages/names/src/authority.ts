import "reflect-metadata"; // the certificate library wires itself up by it
import { join } from "node:path";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from "@peculiar/asn1-x509";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { inspectKeyPair, type KeyPair, keepKeyPair, readKeyPair } from "./key-pair";
import { limits } from "./limits";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

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
    pair = await makeAuthority(of.domain, of.nowMs);
    keepKeyPair(base, pair);
  }
  const { certPem, keyPem } = pair;
  const authority = new X509Certificate(certPem);
  const signingKey = await importKey(keyPem);
  return {
    certPem,
    certPath: `${base}.crt`,
    issue: (nowMs) => issueLeaf({ authority, signingKey, domain: of.domain, nowMs }),
  };
}

async function makeAuthority(domain: string, nowMs: number): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=Sandlot authority for ${domain}, O=Sandlot`,
    keys,
    notBefore: new Date(nowMs - limits.backdateMs),
    notAfter: new Date(nowMs + limits.authorityMs),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      onlyFor(domain),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: `${certificate.toString("pem")}\n`, keyPem: await exportKey(keys.privateKey) };
}

/** Names below the domain; no address of either kind. */
function onlyFor(domain: string): Extension {
  const addresses = (range: string) => new GeneralSubtree({ base: new GeneralName({ iPAddress: range }) });
  const constraints = new NameConstraints({
    permittedSubtrees: new GeneralSubtrees([new GeneralSubtree({ base: new GeneralName({ dNSName: domain }) })]),
    excludedSubtrees: new GeneralSubtrees([addresses("0.0.0.0/0"), addresses("::/0")]),
  });
  return new Extension(id_ce_nameConstraints, true, AsnConvert.serialize(constraints));
}

async function issueLeaf(of: {
  authority: X509Certificate;
  signingKey: CryptoKey;
  domain: string;
  nowMs: number;
}): Promise<KeyPair> {
  const { authority, domain, nowMs } = of;
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const names = [domain, `*.${domain}`].map((value) => ({ type: "dns", value }) as const);
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${domain}`,
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: of.signingKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(nowMs - limits.backdateMs),
    notAfter: new Date(nowMs + limits.leafMs),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([SERVER_AUTH]),
      new SubjectAlternativeNameExtension(names),
      await AuthorityKeyIdentifierExtension.create(authority),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const chain = `${certificate.toString("pem")}\n${authority.toString("pem")}\n`;
  return { certPem: chain, keyPem: await exportKey(keys.privateKey) };
}

async function exportKey(key: CryptoKey): Promise<string> {
  return `${PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}

function importKey(keyPem: string): Promise<CryptoKey> {
  const [der] = PemConverter.decode(keyPem);
  return crypto.subtle.importKey("pkcs8", der as ArrayBuffer, ALGORITHM, true, ["sign"]);
}
