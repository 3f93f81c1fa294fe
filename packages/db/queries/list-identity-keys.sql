/* @name listIdentityKeys */
SELECT id, public_jwk AS "publicJwk", sealed, created_at AS "createdAt" FROM identity_keys ORDER BY created_at DESC, id;
