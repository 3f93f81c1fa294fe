import "reflect-metadata"; // the certificate library wires itself up by it
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
import { onlyFor } from "./only-for";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
/** A common name may have this many characters at most; the names themselves stand in an extension. */
const COMMON_NAME_CHARS = 64;
/** How long before its making a certificate is good already: clocks differ, those of guests too. */
const BACKDATE_MS = 86_400_000;

/** A certificate, with its chain where it has one, and its key, as PEM. */
export type CertifiedKey = { readonly certPem: string; readonly keyPem: string };

export type Issuer = {
  /** For servers of these names. With the authority's own certificate behind it. */
  issue(of: { names: readonly [string, ...string[]]; nowMs: number; lifeMs: number }): Promise<CertifiedKey>;
};

/** A new authority that nobody trusts yet. With `domain` it can vouch for names of that alone, and for no address. */
export async function makeAuthority(of: {
  name: string;
  domain?: string | undefined;
  nowMs: number;
  lifeMs: number;
}): Promise<CertifiedKey> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${of.name}, O=Sandlot`,
    keys,
    notBefore: new Date(of.nowMs - BACKDATE_MS),
    notAfter: new Date(of.nowMs + of.lifeMs),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ...(of.domain === undefined ? [] : [onlyFor(of.domain)]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: `${certificate.toString("pem")}\n`, keyPem: await exportKey(keys.privateKey) };
}

/** @throws whatever the certificate library or the engine says of what is no certificate or no key */
export async function openIssuer({ certPem, keyPem }: CertifiedKey): Promise<Issuer> {
  const authority = new X509Certificate(certPem);
  const [der] = PemConverter.decode(keyPem);
  const signingKey = await crypto.subtle.importKey("pkcs8", der as ArrayBuffer, ALGORITHM, false, ["sign"]);
  return {
    async issue({ names, nowMs, lifeMs }) {
      const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
      const certificate = await X509CertificateGenerator.create({
        subject: `CN=${names[0].slice(0, COMMON_NAME_CHARS)}`,
        issuer: authority.subject,
        publicKey: keys.publicKey,
        signingKey,
        signingAlgorithm: ALGORITHM,
        notBefore: new Date(nowMs - BACKDATE_MS),
        notAfter: new Date(nowMs + lifeMs),
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([SERVER_AUTH]),
          new SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns", value }))),
          await AuthorityKeyIdentifierExtension.create(authority),
          await SubjectKeyIdentifierExtension.create(keys.publicKey),
        ],
      });
      const chain = `${certificate.toString("pem")}\n${authority.toString("pem")}\n`;
      return { certPem: chain, keyPem: await exportKey(keys.privateKey) };
    },
  };
}

async function exportKey(key: CryptoKey): Promise<string> {
  return `${PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}
