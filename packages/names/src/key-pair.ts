import { createPrivateKey, X509Certificate } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { namesFaults } from "./faults";

/** A certificate with its chain, and its key, as PEM. */
export type KeyPair = { readonly certPem: string; readonly keyPem: string };

/** Where a pair lies: `<base>.crt`, and `<base>.key` with mode 0600. */
export function readKeyPair(base: string): KeyPair | undefined {
  if (!existsSync(`${base}.crt`) || !existsSync(`${base}.key`)) return undefined;
  return { certPem: readFileSync(`${base}.crt`, "utf8"), keyPem: readFileSync(`${base}.key`, "utf8") };
}

/** The key first, each by renaming: a reader sees the old pair or the new one, or a pair that does not match and is made anew. */
export function keepKeyPair(base: string, pair: KeyPair): void {
  mkdirSync(dirname(base), { recursive: true, mode: 0o700 });
  writeWhole(`${base}.key`, pair.keyPem, 0o600);
  writeWhole(`${base}.crt`, pair.certPem, 0o644);
}

function writeWhole(path: string, text: string, mode: number): void {
  const fresh = `${path}.${process.pid}.new`;
  writeFileSync(fresh, text, { mode });
  chmodSync(fresh, mode); // whatever the umask took or an older file had
  renameSync(fresh, path);
}

export type CertificateFacts = {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** DNS names it is for, wildcards as `*.example.com`. */
  readonly names: readonly string[];
};

/** @throws Fault `names_certificate_unusable` when it is no certificate, or the key is another's */
export function inspectKeyPair(pair: KeyPair, path: string): CertificateFacts {
  try {
    const certificate = new X509Certificate(pair.certPem);
    if (!certificate.checkPrivateKey(createPrivateKey(pair.keyPem))) throw new Error("the key is another's");
    const names = (certificate.subjectAltName ?? "")
      .split(", ")
      .filter((entry) => entry.startsWith("DNS:"))
      .map((entry) => entry.slice("DNS:".length).toLowerCase());
    return { notBeforeMs: Date.parse(certificate.validFrom), notAfterMs: Date.parse(certificate.validTo), names };
  } catch (thrown) {
    throw namesFaults.certificate_unusable({ path, why: thrown instanceof Error ? thrown.message : String(thrown) });
  }
}
