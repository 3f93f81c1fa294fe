/** Workload identity: JWT-SVIDs that say which sandbox asks, and the keys by which others check them. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import {
  type Database,
  ensureIdentityKeys,
  type IdentityKey,
  type KeptIdentityKey,
  replaceIdentityKeys,
} from "@sandlot/db";
import type { Clock } from "@sandlot/lifetime";
import { limits } from "../limits";
import { contextOf, type Vault } from "./vault";

export type Identity = {
  /** Who signs: the `iss` of every token. */
  readonly issuer: string;
  /** A JSON Web Key Set of public keys. */
  publicKeys(): Promise<Readonly<Record<string, unknown>>[]>;
  /**
   * Makes a new key. It is published at once and signs when everybody who keeps the published keys has seen it; the one before is
   * published until its last token has ended. With `isNow` it signs at once and all others are gone: after a theft.
   */
  rotate(isNow: boolean): Promise<{ keyId: string; signsAtMs: number }>;
  mint(of: { teamId: string; sandboxId: string; audience: string }): Promise<{ token: string; expiresAtMs: number }>;
};

type Parts = { readonly db: Database; readonly vault: Vault; readonly clock: Clock };

/**
 * Keys are made at first use, one for all replicas.
 * @param of `trustDomain` is the authority of the SPIFFE ids, e.g. `sandlot.test`
 */
export function openIdentity(of: { issuer: string; trustDomain: string }, { db, vault, clock }: Parts): Identity {
  let loaded: { readonly atMs: number; readonly keys: Promise<KeptIdentityKey[]> } | undefined;
  const keys = (): Promise<KeptIdentityKey[]> => {
    const nowMs = clock.nowMs();
    if (loaded === undefined || nowMs - loaded.atMs > limits.identityKeysMs) {
      loaded = { atMs: nowMs, keys: ensureIdentityKeys(db, async () => makeKey(vault)) };
      loaded.keys.catch(() => {
        loaded = undefined;
      });
    }
    return loaded.keys;
  };
  return {
    issuer: of.issuer,
    publicKeys: async () => (await keys()).map(({ publicJwk }) => publicJwk),
    async rotate(isNow) {
      const nowMs = clock.nowMs();
      const key = makeKey(vault);
      const isOver = (one: KeptIdentityKey, all: readonly KeptIdentityKey[]) => isNow || isUseless(one, all, nowMs);
      const all = await replaceIdentityKeys(db, { key, isOver });
      loaded = undefined;
      return { keyId: key.keyId, signsAtMs: all.length === 1 ? nowMs : nowMs + limits.identityPublishMs };
    },
    async mint({ teamId, sandboxId, audience }) {
      const key = signerOf(await keys(), clock.nowMs());
      if (key === undefined) throw new Error("there is no identity key");
      const secret = createPrivateKey(vault.open(key.sealed, contextOf.identityKey(key)));
      const nowS = Math.floor(clock.nowMs() / 1000);
      const claims = {
        iss: of.issuer,
        sub: `spiffe://${of.trustDomain}/team/${teamId}/sandbox/${sandboxId}`,
        aud: [audience],
        iat: nowS,
        nbf: nowS - 30, // clocks differ
        exp: nowS + limits.identityTokenS,
        jti: randomUUID(),
      };
      return {
        token: signJwt({ alg: "ES256", typ: "JWT", kid: key.keyId }, claims, secret),
        expiresAtMs: claims.exp * 1000,
      };
    },
  };
}

/** The newest that has been published for long enough, else the oldest: that one was there before all others. */
export function signerOf(keys: readonly KeptIdentityKey[], nowMs: number): KeptIdentityKey | undefined {
  return keys.find(({ createdAtMs }) => nowMs - createdAtMs >= limits.identityPublishMs) ?? keys.at(-1);
}

/** Whether another one has been signing for so long that no token of this one can be in use. */
export function isUseless(key: KeptIdentityKey, all: readonly KeptIdentityKey[], nowMs: number): boolean {
  const signer = signerOf(all, nowMs);
  if (signer === undefined || key.createdAtMs >= signer.createdAtMs) return false;
  const signsSinceMs = signer.createdAtMs + limits.identityPublishMs;
  return nowMs - signsSinceMs > limits.identityTokenS * 1_000 + 2 * limits.identityKeysMs;
}

function makeKey(vault: Vault): IdentityKey {
  const keyId = randomUUID();
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const publicJwk = { ...publicKey.export({ format: "jwk" }), kid: keyId, use: "sig", alg: "ES256" };
  return { keyId, publicJwk, sealed: vault.seal(pem, contextOf.identityKey({ keyId })) };
}

function signJwt(header: object, claims: object, key: KeyObject): string {
  const [head, body] = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const signature = sign("sha256", Buffer.from(`${head}.${body}`), { key, dsaEncoding: "ieee-p1363" });
  return `${head}.${body}.${signature.toString("base64url")}`;
}
