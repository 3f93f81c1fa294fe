/* @name addIdentityKey */
INSERT INTO identity_keys (id, public_jwk, sealed, created_at) VALUES (:id!, :publicJwk!::jsonb, :sealed!, clock_timestamp());
