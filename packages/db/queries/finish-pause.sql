/* @name finishPause */
UPDATE snapshots
SET state = 'paused', build_id = pausing_build_id, pausing_build_id = NULL, paused_at = now(), updated_at = now()
WHERE sandbox_id = :sandboxId! AND pausing_build_id = :buildId!
RETURNING env_id AS "envId";
