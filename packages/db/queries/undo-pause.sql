/* @name undoPause */
UPDATE snapshots
SET state = CASE WHEN :isAlive!::boolean THEN 'live' ELSE 'paused' END, pausing_build_id = NULL, updated_at = now()
WHERE sandbox_id = :sandboxId! AND pausing_build_id = :buildId! AND build_id IS NOT NULL;
