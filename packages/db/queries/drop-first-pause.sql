/* @name dropFirstPause */
WITH gone AS (
  -- A sandbox whose only pause came to nothing has nothing that is kept.
  DELETE FROM snapshots
  WHERE snapshots.sandbox_id = :sandboxId! AND snapshots.pausing_build_id = :buildId! AND snapshots.build_id IS NULL
  RETURNING snapshots.env_id
)
DELETE FROM envs USING gone WHERE envs.id = gone.env_id;
