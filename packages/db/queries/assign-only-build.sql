/* @name assignOnlyBuild */
WITH others AS (
  -- What a pause has kept before is nobody's any more.
  DELETE FROM env_build_assignments WHERE env_id = :envId! AND build_id <> :buildId!
)
INSERT INTO env_build_assignments (env_id, build_id, tag) VALUES (:envId!, :buildId!, 'default');
