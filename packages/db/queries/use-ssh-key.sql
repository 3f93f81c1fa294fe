/* @name useSshKey */
UPDATE team_ssh_keys SET last_used = now()
WHERE fingerprint = :fingerprint! AND (expires_at IS NULL OR expires_at > now()) AND team_id = :teamId!
RETURNING id;
