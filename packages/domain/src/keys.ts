/** API keys and the tokens of one sandbox (behaviour §1.2): how they look, how they are stored, how they are derived. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { RandomBytes } from "./ids";

export const API_KEY_PREFIX = "e2b_";
export const ACCESS_TOKEN_PREFIX = "sk_e2b_";
/** A stock key has 20 bytes. Longer ones are taken up to this, so that a 10 kB header costs no hashing. */
const MAX_KEY_BYTES = 64;

export type KeyMask = {
  readonly prefix: string;
  readonly valueLength: number;
  readonly maskedValuePrefix: string;
  readonly maskedValueSuffix: string;
};

export function newApiKey(random: RandomBytes): string {
  return API_KEY_PREFIX + Buffer.from(random(20)).toString("hex");
}

export function newAccessToken(random: RandomBytes): string {
  return ACCESS_TOKEN_PREFIX + Buffer.from(random(20)).toString("hex");
}

/** The stored form of a key, or undefined when the text is no key at all: wrong prefix, case, length or alphabet. */
export function hashApiKey(key: string): string | undefined {
  return hashAfter(API_KEY_PREFIX, key);
}

/** As above, for a user's access token. */
export function hashAccessToken(token: string): string | undefined {
  return hashAfter(ACCESS_TOKEN_PREFIX, token);
}

function hashAfter(prefix: string, text: string): string | undefined {
  const hex = text.slice(prefix.length);
  if (!text.startsWith(prefix) || hex.length === 0 || hex.length > MAX_KEY_BYTES * 2) return undefined;
  if (hex.length % 2 !== 0 || !/^[0-9a-f]+$/.test(hex)) return undefined;
  const digest = createHash("sha256").update(Buffer.from(hex, "hex")).digest("base64");
  return `$sha256$${digest.replace(/=+$/, "")}`;
}

/** What may be shown of a key after it was made. */
export function maskApiKey(key: string): KeyMask {
  return maskAfter(API_KEY_PREFIX, key);
}

export function maskAccessToken(token: string): KeyMask {
  return maskAfter(ACCESS_TOKEN_PREFIX, token);
}

function maskAfter(prefix: string, text: string): KeyMask {
  const value = text.slice(prefix.length);
  return {
    prefix,
    valueLength: value.length,
    maskedValuePrefix: value.slice(0, 2),
    maskedValueSuffix: value.slice(-4),
  };
}

export type SandboxTokens = { readonly envd: string; readonly traffic: string };

/** Both tokens of a sandbox. Deterministic, so a resumed sandbox has the tokens it had. */
export function sandboxTokens({ seed, sandboxId }: { seed: string; sandboxId: string }): SandboxTokens {
  const sign = (message: string): string => createHmac("sha256", seed).update(message).digest("hex");
  return { envd: sign(sandboxId), traffic: sign(`sandbox-traffic-${sandboxId}`) };
}

/** Compares secrets in time that does not depend on where they differ, nor on their lengths. */
export function secretsEqual(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
