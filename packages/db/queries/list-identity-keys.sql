/* @name listIdentityKeys */
SELECT id, public_jwk AS "publicJwk", sealed FROM identity_keys ORDER BY created_at DESC, id;
