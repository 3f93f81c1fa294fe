/** OpenSSH's user certificates for Ed25519 keys: an authority of ours says which sandbox a key opens, and until when. */
import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject, randomBytes, sign, verify } from "node:crypto";
import { sshKeyFaults } from "./faults";
import { parseSshPublicKey } from "./ssh-key";

export const SSH_CERTIFICATE_TYPE = "ssh-ed25519-cert-v01@openssh.com";
const KEY_TYPE = "ssh-ed25519";
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** What OpenSSH calls certificates of users; the other kind is of hosts. */
const OF_USER = 1;
/** Longer than any of ours. */
const MAX_BLOB_BYTES = 2_048;
/** Clocks differ. */
const BACKDATE_S = 60;
/** DER in front of a bare key. */
const PRIVATE_START = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC_START = Buffer.from("302a300506032b6570032100", "hex");
/** For servers of OpenSSH; ours lets a certificate do what a key may. */
const EXTENSIONS = ["permit-port-forwarding", "permit-pty"];

export type SshAuthority = { readonly privateKey: KeyObject; readonly blob: Buffer };

/** @param seed a secret of the installation; the same one makes the same authority */
export function openSshAuthority(seed: string): SshAuthority {
  const secret = Buffer.from(hkdfSync("sha256", seed, "", "sandlot ssh authority", KEY_BYTES));
  const privateKey = createPrivateKey({ key: Buffer.concat([PRIVATE_START, secret]), format: "der", type: "pkcs8" });
  const bare = createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(PUBLIC_START.length);
  return { privateKey, blob: Buffer.concat([text(KEY_TYPE), chunk(bare)]) };
}

/**
 * @param of `publicKey` a line as in id_ed25519.pub
 * @returns a line as in id_ed25519-cert.pub
 * @throws Fault `ssh_key_bad` when it is no Ed25519 key
 */
export function makeSshCertificate(
  authority: SshAuthority,
  of: { publicKey: string; sandboxId: string; teamId: string; nowMs: number; expiresAtMs: number },
): string {
  const [type, base64 = ""] = parseSshPublicKey(of.publicKey).text.split(" ");
  if (type !== KEY_TYPE) throw sshKeyFaults.bad({ why: "certificates are made for ed25519 keys" });
  const bare = readPair(Buffer.from(base64, "base64"), KEY_BYTES);
  if (bare === undefined) throw sshKeyFaults.bad({ why: "the key is not whole" });
  const body = Buffer.concat([
    ...[text(SSH_CERTIFICATE_TYPE), chunk(randomBytes(32)), chunk(bare), uint64(0), uint32(OF_USER)],
    ...[text(`team/${of.teamId}`), chunk(text(of.sandboxId))],
    ...[uint64(Math.floor(of.nowMs / 1000) - BACKDATE_S), uint64(Math.floor(of.expiresAtMs / 1000))],
    ...[chunk(Buffer.alloc(0)), chunk(Buffer.concat(EXTENSIONS.map((name) => Buffer.concat([text(name), text("")]))))],
    ...[chunk(Buffer.alloc(0)), chunk(authority.blob)],
  ]);
  const signature = Buffer.concat([text(KEY_TYPE), chunk(sign(null, body, authority.privateKey))]);
  return `${SSH_CERTIFICATE_TYPE} ${Buffer.concat([body, chunk(signature)]).toString("base64")}`;
}

type Read = {
  readonly bareKey: Buffer;
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly notBeforeS: bigint;
  readonly notAfterS: bigint;
  readonly isPlain: boolean;
  readonly authorityBlob: Buffer;
  readonly body: Buffer;
  readonly signature: Buffer;
};

/** The key that a certificate is about. @returns undefined when it is no certificate of the one kind that we read */
export function readCertifiedKey(blob: Buffer): KeyObject | undefined {
  const bareKey = readCertificate(blob)?.bareKey;
  return bareKey && publicKeyOf(bareKey);
}

/**
 * Whether `authority` says that the certificate's key opens this sandbox now.
 * @returns the team that the certificate was made for
 */
export function verifySshCertificate(
  authority: SshAuthority,
  of: { blob: Buffer; sandboxId: string; nowMs: number },
): string | undefined {
  const read = readCertificate(of.blob);
  if (read === undefined || !read.isPlain || !read.authorityBlob.equals(authority.blob)) return undefined;
  if (!verify(null, read.body, createPublicKey(authority.privateKey), read.signature)) return undefined;
  const nowS = BigInt(Math.floor(of.nowMs / 1000));
  if (nowS < read.notBeforeS || nowS >= read.notAfterS || !read.principals.includes(of.sandboxId)) return undefined;
  return /^team\/(.+)$/.exec(read.keyId)?.[1];
}

/** Whether the owner of the key made this signature, as SSH writes it. */
export function isSignedByKey(key: KeyObject, data: Uint8Array, signature: Buffer): boolean {
  const bare = readPair(signature, SIGNATURE_BYTES);
  return bare !== undefined && verify(null, data, key, bare);
}

function readCertificate(blob: Buffer): Read | undefined {
  if (blob.length > MAX_BLOB_BYTES) return undefined;
  return unlessCutOff(() => {
    const reader = new Reader(blob);
    if (reader.chunk().toString("latin1") !== SSH_CERTIFICATE_TYPE) return undefined;
    reader.chunk(); // the nonce
    const bareKey = reader.chunk();
    reader.uint64(); // the serial number
    const kind = reader.uint32();
    const keyId = reader.chunk().toString("utf8");
    const principals = reader.list();
    const [notBeforeS, notAfterS] = [reader.uint64(), reader.uint64()];
    const options = reader.chunk();
    reader.chunk(); // extensions
    reader.chunk(); // reserved
    const authorityBlob = reader.chunk();
    const body = blob.subarray(0, reader.at);
    const signature = readPair(reader.chunk(), SIGNATURE_BYTES);
    if (signature === undefined || bareKey.length !== KEY_BYTES || !reader.isAtEnd) return undefined;
    // Options that have to be understood are never ours.
    const isPlain = kind === OF_USER && options.length === 0;
    return { bareKey, keyId, principals, notBeforeS, notAfterS, isPlain, authorityBlob, body, signature };
  });
}

/** The second half of a key or signature whose first half names Ed25519. */
function readPair(blob: Buffer, wantedBytes: number): Buffer | undefined {
  return unlessCutOff(() => {
    const reader = new Reader(blob);
    const type = reader.chunk().toString("latin1");
    const bare = reader.chunk();
    return type === KEY_TYPE && bare.length === wantedBytes && reader.isAtEnd ? bare : undefined;
  });
}

function unlessCutOff<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

function publicKeyOf(bare: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([PUBLIC_START, bare]), format: "der", type: "spki" });
}

/** SSH's way of writing numbers and strings. Throws RangeError beyond the end. */
class Reader {
  at = 0;
  readonly #bytes: Buffer;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  get isAtEnd(): boolean {
    return this.at === this.#bytes.length;
  }
  uint32(): number {
    const value = this.#bytes.readUInt32BE(this.at);
    this.at += 4;
    return value;
  }
  uint64(): bigint {
    const value = this.#bytes.readBigUInt64BE(this.at);
    this.at += 8;
    return value;
  }
  chunk(): Buffer {
    const length = this.uint32();
    if (length > this.#bytes.length - this.at) throw new RangeError("beyond the end");
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }
  list(): string[] {
    const reader = new Reader(this.chunk());
    const found: string[] = [];
    while (!reader.isAtEnd) found.push(reader.chunk().toString("utf8"));
    return found;
  }
}

function chunk(bytes: Buffer): Buffer {
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function text(value: string): Buffer {
  return chunk(Buffer.from(value));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
