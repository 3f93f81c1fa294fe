/* @name noteLive */
UPDATE snapshots
SET state = 'live', execution_id = :executionId!, updated_at = now()
WHERE sandbox_id = :sandboxId! AND state = 'paused'
RETURNING env_id AS "envId";
