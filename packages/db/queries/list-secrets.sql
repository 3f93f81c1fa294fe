/* @name listSecrets */
SELECT id, name, current_version AS "currentVersion", metadata, created_at AS "createdAt", updated_at AS "updatedAt"
FROM secrets WHERE team_id = :teamId!
ORDER BY created_at DESC, id;
