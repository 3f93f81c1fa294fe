/* @name claimResume */
UPDATE snapshots
SET state = 'live', execution_id = :executionId!, updated_at = now()
FROM env_builds
WHERE snapshots.sandbox_id = :sandboxId! AND snapshots.team_id = :teamId! AND snapshots.state = 'paused'
  AND env_builds.id = snapshots.build_id
RETURNING
  snapshots.sandbox_id AS "sandboxId", snapshots.team_id AS "teamId", snapshots.base_env_id AS "baseEnvId", snapshots.state,
  snapshots.build_id AS "buildId", snapshots.pausing_build_id AS "pausingBuildId", snapshots.execution_id AS "executionId",
  snapshots.metadata, snapshots.env_secure AS "isSecure", snapshots.origin_node_id AS "nodeId",
  snapshots.allow_internet_access AS "allowInternetAccess", snapshots.auto_pause AS "autoPause",
  snapshots.sandbox_started_at AS "startedAt", snapshots.paused_at AS "pausedAt", snapshots.config,
  env_builds.has_memory AS "hasMemory", env_builds.cluster_node_id AS "builtOn",
  true AS "pausingHasMemory!";
