/* @name renameApiKey */
UPDATE team_api_keys SET name = :name!, updated_at = now() WHERE id = :keyId! AND team_id = :teamId! RETURNING id;
