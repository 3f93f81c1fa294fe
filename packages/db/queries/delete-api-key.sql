/* @name deleteApiKey */
DELETE FROM team_api_keys WHERE id = :keyId! AND team_id = :teamId! RETURNING id;
