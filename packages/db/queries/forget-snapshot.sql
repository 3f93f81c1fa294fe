/* @name forgetSnapshot */
WITH gone AS (
  -- The row itself is locked and looked at again: whoever resumes it at the same moment either has it or does not find it.
  DELETE FROM snapshots
  WHERE snapshots.sandbox_id = :sandboxId! AND snapshots.team_id = :teamId! AND snapshots.state = ANY (:states!::text[])
  RETURNING snapshots.env_id, snapshots.state, snapshots.execution_id
), env AS (
  DELETE FROM envs USING gone WHERE envs.id = gone.env_id
)
SELECT gone.state AS "state!", gone.execution_id AS "executionId!" FROM gone;
