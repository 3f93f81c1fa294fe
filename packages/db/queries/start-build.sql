/* @name startBuild */
UPDATE env_builds SET
  status = 'building', started_at = now(), updated_at = now(), version = :version!, cluster_node_id = :nodeId!,
  start_cmd = :startCmd, ready_cmd = :readyCmd
WHERE id = :buildId! AND status = 'waiting'
RETURNING id;
