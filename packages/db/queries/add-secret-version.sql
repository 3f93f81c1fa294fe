/* @name addSecretVersion */
WITH changed AS (
  UPDATE secrets
  SET current_version = current_version + 1, metadata = COALESCE(:metadata::jsonb, metadata), updated_at = now()
  WHERE id = :id! AND team_id = :teamId!
  RETURNING *
), kept AS (
  INSERT INTO secret_versions (secret_id, version, sealed) SELECT id, current_version, :sealed! FROM changed
), dropped AS (
  -- Nobody can ask for an older one; a few are kept for whoever repairs by hand.
  DELETE FROM secret_versions USING changed
  WHERE secret_versions.secret_id = changed.id AND secret_versions.version <= changed.current_version - 5
)
SELECT id, name, current_version AS "currentVersion", metadata, created_at AS "createdAt", updated_at AS "updatedAt" FROM changed;
