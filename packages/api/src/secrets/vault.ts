/** Seals texts for the database, Redis and nodes: AES-256-GCM under a key that only the api has. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export type Vault = {
  /** @param context whose and what it is; opening it under another context fails, so a text moved elsewhere is worthless */
  seal(text: string, context: string): string;
  /** @throws Error when it was not sealed with this key and context */
  open(sealed: string, context: string): string;
};

/** @param key any text of at least 32 characters; changing it makes everything sealed unreadable */
export function openVault(key: string): Vault {
  const secret = Buffer.from(hkdfSync("sha256", key, "", "sandlot vault", 32));
  return {
    seal(text, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", secret, nonce).setAAD(Buffer.from(context));
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return Buffer.concat([Buffer.from([VERSION]), nonce, body, cipher.getAuthTag()]).toString("base64url");
    },
    open(sealed, context) {
      const bytes = Buffer.from(sealed, "base64url");
      if (bytes[0] !== VERSION || bytes.length < 1 + NONCE_BYTES + TAG_BYTES) throw new Error("not a sealed text");
      const decipher = createDecipheriv("aes-256-gcm", secret, bytes.subarray(1, 1 + NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-TAG_BYTES));
      const body = decipher.update(bytes.subarray(1 + NONCE_BYTES, -TAG_BYTES));
      return Buffer.concat([body, decipher.final()]).toString("utf8");
    },
  };
}

export const contextOf = {
  secret: (of: { teamId: string; name: string }): string => `secret ${of.teamId} ${of.name}`,
  proxyPassword: (of: { teamId: string }): string => `egress-proxy ${of.teamId}`,
  identityKey: (of: { keyId: string }): string => `identity-key ${of.keyId}`,
} as const;
