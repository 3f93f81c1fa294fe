/* @name addSshKey */
INSERT INTO team_ssh_keys (team_id, name, fingerprint, public_key, expires_at)
SELECT :teamId!, :name!, :fingerprint!, :publicKey!, :expiresAt::timestamptz
WHERE (
  SELECT count(*) FROM team_ssh_keys
  WHERE team_ssh_keys.team_id = :teamId! AND (team_ssh_keys.expires_at IS NULL OR team_ssh_keys.expires_at > now())
) < :max!::int
ON CONFLICT (team_id, fingerprint) DO UPDATE SET
  name = excluded.name,
  -- A key that has no end does not get one because a command registered it again.
  expires_at = CASE WHEN team_ssh_keys.expires_at IS NULL THEN NULL ELSE excluded.expires_at END
RETURNING id, name, fingerprint, public_key AS "publicKey", expires_at AS "expiresAt", created_at AS "createdAt", last_used AS "lastUsed";
