/* @name listSshKeys */
SELECT id, name, fingerprint, public_key AS "publicKey", expires_at AS "expiresAt", created_at AS "createdAt", last_used AS "lastUsed"
FROM team_ssh_keys
WHERE team_id = :teamId! AND (expires_at IS NULL OR expires_at > now())
ORDER BY created_at, id;
