/* @name addAccessToken */
INSERT INTO access_tokens (user_id, name, token_hash, token_prefix, token_length, token_mask_prefix, token_mask_suffix)
VALUES (:userId!, :name!, :tokenHash!, :prefix!, :length!, :maskPrefix!, :maskSuffix!)
ON CONFLICT (token_hash) DO UPDATE SET name = access_tokens.name
RETURNING id, created_at AS "createdAt";
