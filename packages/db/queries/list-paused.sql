/* @name listPaused */
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
WHERE snapshots.team_id = :teamId! AND snapshots.build_id IS NOT NULL
  AND NOT snapshots.sandbox_id = ANY (:liveIds!::text[])
  AND snapshots.metadata @> :metadata!::jsonb
  AND (:templateId::text IS NULL OR snapshots.base_env_id = :templateId)
  AND snapshots.sandbox_started_at >= to_timestamp(:startedAfterMs!::double precision / 1000)
-- Newest start first, then by id, from after the position given; ascending is the exact reverse.
  AND (:afterMs::double precision IS NULL OR CASE
    WHEN :isAscending!::boolean THEN
      snapshots.sandbox_started_at > to_timestamp(:afterMs / 1000)
      OR (snapshots.sandbox_started_at = to_timestamp(:afterMs / 1000) AND snapshots.sandbox_id COLLATE "C" < :afterId)
    ELSE
      snapshots.sandbox_started_at < to_timestamp(:afterMs / 1000)
      OR (snapshots.sandbox_started_at = to_timestamp(:afterMs / 1000) AND snapshots.sandbox_id COLLATE "C" > :afterId)
  END)
ORDER BY
  CASE WHEN :isAscending THEN snapshots.sandbox_started_at END ASC,
  CASE WHEN :isAscending THEN snapshots.sandbox_id COLLATE "C" END DESC,
  snapshots.sandbox_started_at DESC, snapshots.sandbox_id COLLATE "C" ASC
LIMIT :limit!;
