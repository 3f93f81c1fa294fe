/* @name settleLive */
UPDATE snapshots
SET state = 'paused', updated_at = now()
WHERE sandbox_id = :sandboxId! AND execution_id = :executionId! AND state = 'live'
RETURNING env_id AS "envId";
