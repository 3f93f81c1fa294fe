/* @name failBuild */
UPDATE env_builds SET status = 'failed', reason = :reason!, finished_at = now(), updated_at = now()
WHERE id = :buildId! AND status IN ('waiting', 'building')
RETURNING id;
