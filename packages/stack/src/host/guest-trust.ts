/** What of the host's own trust and proxies guests need, so that they reach what the host reaches. */
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type GuestProxies = { readonly http: string; readonly https: string; readonly none: string };

const MOZILLA = "/usr/share/ca-certificates/mozilla";
const LOCAL = "/usr/local/share/ca-certificates";
const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

/** Certificates that this host trusts in addition to Mozilla's: a corporate proxy's, for instance. Empty when none. */
export function findHostCertificates(of: { bundle: string; mozilla: string; local: string } = paths()): string {
  const known = new Set(certificatesIn(of.mozilla).map(fingerprint));
  // Without Mozilla's list to compare with, only what an administrator put there by hand counts.
  const candidates =
    known.size === 0 ? certificatesIn(of.local) : [...split(readText(of.bundle)), ...certificatesIn(of.local)];
  const extra = new Map(candidates.map((pem) => [fingerprint(pem), pem] as const));
  extra.delete("");
  return [...extra]
    .filter(([print]) => !known.has(print))
    .map(([, pem]) => `${pem}\n`)
    .join("");
}

function paths(): { bundle: string; mozilla: string; local: string } {
  return { bundle: BUNDLE, mozilla: MOZILLA, local: LOCAL };
}

function certificatesIn(dir: string): string[] {
  try {
    return readdirSync(dir, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".crt"))
      .flatMap((name) => split(readText(join(dir, name))));
  } catch {
    return [];
  }
}

export function split(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
}

/** Empty for what is no certificate. */
function fingerprint(pem: string): string {
  try {
    return new X509Certificate(pem).fingerprint256;
  } catch {
    return "";
  }
}

/** The proxies of the given environment. One that names the host's own loopback is of no use to a guest. */
export function findHostProxies(env: Readonly<Record<string, string | undefined>>): GuestProxies {
  const read = (name: string): string => env[name] ?? env[name.toUpperCase()] ?? "";
  const reachable = (url: string): string =>
    /^(https?:\/\/)?([^@/]*@)?(localhost|127\.|\[::1\])/.test(url) ? "" : url;
  return { http: reachable(read("http_proxy")), https: reachable(read("https_proxy")), none: read("no_proxy") };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
