/* @name addApiKey */
INSERT INTO team_api_keys (
  team_id, name, api_key_hash, api_key_prefix, api_key_length, api_key_mask_prefix, api_key_mask_suffix, created_by
) VALUES (:teamId!, :name!, :keyHash!, :prefix!, :length!, :maskPrefix!, :maskSuffix!, :userId)
RETURNING id, created_at AS "createdAt";
