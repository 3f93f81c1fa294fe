/** Public keys as OpenSSH writes them: `ssh-ed25519 AAAA… comment`. */
import { createHash } from "node:crypto";
import { sshKeyFaults } from "./faults";

const TYPES = new Set(["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"]);
/** An RSA key of 2048 bits is 279 bytes on the wire. */
const MIN_RSA_BLOB_BYTES = 270;
const MAX_BLOB_BYTES = 4_096;

export type SshPublicKey = {
  /** As ssh-keygen -lf shows it: `SHA256:` and 43 characters. */
  readonly fingerprint: string;
  /** Type and base64, without the comment. */
  readonly text: string;
  readonly comment: string;
};

/** @throws Fault `ssh_key_bad` */
export function parseSshPublicKey(line: string): SshPublicKey {
  const refuse = (why: string): never => {
    throw sshKeyFaults.bad({ why });
  };
  const [type = "", base64 = "", ...comment] = line.trim().split(/[ \t]+/);
  if (/[\r\n\0]/.test(line.trim())) refuse("one line is wanted");
  if (!TYPES.has(type)) refuse("wanted is a line as in id_ed25519.pub, of type ed25519, ecdsa or rsa");
  const blob = Buffer.from(base64, "base64");
  if (blob.toString("base64") !== base64 || blob.length > MAX_BLOB_BYTES) refuse("the key is not base64");
  const named = blob.length > 4 ? blob.subarray(4, 4 + blob.readUInt32BE(0)).toString("latin1") : "";
  if (named !== type) refuse("the key is of another type than its line says");
  if (type === "ssh-rsa" && blob.length < MIN_RSA_BLOB_BYTES) refuse("RSA keys need 2048 bits or more");
  return { fingerprint: fingerprintOf(blob), text: `${type} ${base64}`, comment: comment.join(" ").slice(0, 256) };
}

/** Of the key as it stands on the wire. */
export function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}
