/* @name listSealedSecrets */
SELECT secrets.name, secret_versions.sealed
FROM secrets JOIN secret_versions ON secret_versions.secret_id = secrets.id AND secret_versions.version = secrets.current_version
WHERE secrets.team_id = :teamId! AND secrets.name = ANY(:names!::text[]);
