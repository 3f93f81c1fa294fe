/* @name dropFirstPause */
DELETE FROM envs USING snapshots
-- A sandbox whose only pause came to nothing has nothing that is kept.
WHERE snapshots.env_id = envs.id AND snapshots.sandbox_id = :sandboxId! AND snapshots.pausing_build_id = :buildId!
  AND snapshots.build_id IS NULL;
