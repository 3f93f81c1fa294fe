/* @name deleteSshKey */
DELETE FROM team_ssh_keys WHERE id = :keyId! AND team_id = :teamId! RETURNING id;
