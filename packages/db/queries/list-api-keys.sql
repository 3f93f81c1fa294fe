/* @name listApiKeys */
SELECT
  team_api_keys.id, team_api_keys.name, api_key_prefix AS prefix, api_key_length AS length, api_key_mask_prefix AS "maskPrefix",
  api_key_mask_suffix AS "maskSuffix", team_api_keys.created_at AS "createdAt", last_used AS "lastUsed",
  users.id AS "creatorId?", users.email AS "creatorEmail?"
FROM team_api_keys LEFT JOIN users ON users.id = team_api_keys.created_by
WHERE team_api_keys.team_id = :teamId!
ORDER BY team_api_keys.created_at, team_api_keys.id;
