import { iamFaults } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import type { SandboxParts } from "../sandboxes/parts";

type Parts = Pick<SandboxParts, "identity">;

/** GET /.well-known/jwks.json — open to everybody: public keys. */
export function getIdentityKeys({ identity }: Parts): Handler<"getIdentityKeys"> {
  return async () => {
    if (identity === undefined) throw iamFaults.not_available({});
    const keys = (await identity.publicKeys()).map((key) => ({ ...key }));
    return { status: 200, headers: { "Cache-Control": "public, max-age=300" }, body: { keys } };
  };
}

/** GET /.well-known/openid-configuration — open to everybody. */
export function getIdentityProvider({ identity }: Parts): Handler<"getIdentityProvider"> {
  return async () => {
    if (identity === undefined) throw iamFaults.not_available({});
    const body = {
      issuer: identity.issuer,
      jwks_uri: `${identity.issuer}/.well-known/jwks.json`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["ES256"],
    };
    return { status: 200, headers: { "Cache-Control": "public, max-age=300" }, body };
  };
}

/** POST /admin/identity-keys/rotate — the new key's id, and when it signs. */
export function rotateIdentityKeys({ identity }: Parts): Handler<"rotateIdentityKeys"> {
  return async ({ body }) => {
    if (identity === undefined) throw iamFaults.not_available({});
    const { keyId, signsAtMs } = await identity.rotate(body?.now === true);
    return { status: 200, body: { keyID: keyId, signsAt: new Date(signsAtMs).toISOString() } };
  };
}
