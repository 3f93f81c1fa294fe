/* @name addFirstIdentityKey */
INSERT INTO identity_keys (id, public_jwk, sealed)
SELECT :id!, :publicJwk!::jsonb, :sealed!
WHERE NOT EXISTS (SELECT 1 FROM identity_keys);
