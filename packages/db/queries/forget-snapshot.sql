/* @name forgetSnapshot */
DELETE FROM envs USING snapshots
WHERE snapshots.env_id = envs.id AND snapshots.sandbox_id = :sandboxId! AND snapshots.team_id = :teamId!
  AND snapshots.state = ANY (:states!::text[])
RETURNING snapshots.state AS "state!", snapshots.execution_id AS "executionId!";
