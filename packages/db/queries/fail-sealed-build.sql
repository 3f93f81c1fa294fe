/* @name failSealedBuild */
UPDATE env_builds
SET status = 'failed', reason = :reason!, held_until = NULL, finished_at = now(), updated_at = now()
WHERE id = :buildId! AND status = 'snapshotting';
