/** Makes the programs of the sandbox trust one more certificate authority. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { isErrno } from "@sandlot/linux";
import { faults } from "../faults";

const SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt";
/** Where update-ca-certificates picks it up again. */
const OWN_FILE = "/usr/local/share/ca-certificates/e2b-ca.crt";

/**
 * Adds the bundle to the system's, in place of the one that an earlier call added; doing it twice changes nothing.
 * @returns the environment variables by which programs with a store of their own find it
 * @throws Fault `envd_bad_request` when the text holds no certificate
 */
export function installCa(of: { root: string; bundle: string }): Readonly<Record<string, string>> {
  const bundle = `${of.bundle.trim()}\n`;
  if (!bundle.includes("-----BEGIN CERTIFICATE-----")) {
    throw faults.bad_request({ problem: "caBundle holds no PEM certificate" });
  }
  const ownFile = `${of.root}${OWN_FILE}`;
  const systemFile = `${of.root}${SYSTEM_BUNDLE}`;
  const earlier = read(ownFile);
  const system = read(systemFile);
  const without = earlier === "" || earlier === bundle ? system : system.replace(earlier, "");
  if (!without.includes(bundle)) {
    replace(systemFile, without === "" || without.endsWith("\n") ? without + bundle : `${without}\n${bundle}`);
  }
  if (earlier !== bundle) replace(ownFile, bundle);
  return {
    NODE_EXTRA_CA_CERTS: OWN_FILE,
    SSL_CERT_FILE: SYSTEM_BUNDLE,
    REQUESTS_CA_BUNDLE: SYSTEM_BUNDLE,
    PIP_CERT: SYSTEM_BUNDLE,
    CURL_CA_BUNDLE: SYSTEM_BUNDLE,
    GIT_SSL_CAINFO: SYSTEM_BUNDLE,
  };
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return "";
    throw thrown;
  }
}

/** Readers see the old file or the new one, never half of it. */
function replace(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  writeFileSync(`${file}.sandlot`, text, { mode: 0o644 });
  renameSync(`${file}.sandlot`, file);
}
