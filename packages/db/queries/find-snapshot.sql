/* @name findSnapshot */
SELECT
  snapshots.sandbox_id AS "sandboxId", snapshots.team_id AS "teamId", snapshots.base_env_id AS "baseEnvId", snapshots.state,
  snapshots.build_id AS "buildId", snapshots.pausing_build_id AS "pausingBuildId", snapshots.execution_id AS "executionId",
  snapshots.metadata, snapshots.env_secure AS "isSecure", snapshots.origin_node_id AS "nodeId",
  snapshots.allow_internet_access AS "allowInternetAccess", snapshots.auto_pause AS "autoPause",
  snapshots.sandbox_started_at AS "startedAt", snapshots.paused_at AS "pausedAt", snapshots.config,
  COALESCE(env_builds.has_memory, true) AS "hasMemory!", env_builds.cluster_node_id AS "builtOn?",
  COALESCE(pausing.has_memory, true) AS "pausingHasMemory!"
FROM snapshots
LEFT JOIN env_builds ON env_builds.id = snapshots.build_id
LEFT JOIN env_builds AS pausing ON pausing.id = snapshots.pausing_build_id
WHERE snapshots.sandbox_id = :sandboxId!;
