/* @name findSnapshotEnv */
SELECT env_id AS "envId", team_id AS "teamId", state
FROM snapshots WHERE sandbox_id = :sandboxId!
FOR UPDATE;
