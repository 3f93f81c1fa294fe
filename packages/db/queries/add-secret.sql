/* @name addSecret */
WITH made AS (
  INSERT INTO secrets (id, team_id, name, metadata)
  SELECT :id!, :teamId!, :name!, :metadata!::jsonb
  WHERE (SELECT count(*) FROM secrets WHERE team_id = :teamId!) < :max!::int
  ON CONFLICT (team_id, name) DO NOTHING
  RETURNING *
), kept AS (
  INSERT INTO secret_versions (secret_id, version, sealed) SELECT id, 1, :sealed! FROM made
)
SELECT id, name, current_version AS "currentVersion", metadata, created_at AS "createdAt", updated_at AS "updatedAt" FROM made;
