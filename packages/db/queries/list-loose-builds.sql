/* @name listLooseBuilds */
SELECT env_builds.id AS "buildId", env_builds.cluster_node_id AS "nodeId", env_builds.status
-- Sealed by sandboxes, and nothing refers to them any more.
FROM env_builds
WHERE env_builds.made_by <> 'template' AND (env_builds.held_until IS NULL OR env_builds.held_until < now())
  AND NOT EXISTS (
    SELECT FROM env_build_assignments JOIN active_envs ON active_envs.id = env_build_assignments.env_id
    WHERE env_build_assignments.build_id = env_builds.id
  )
  AND NOT EXISTS (
    SELECT FROM snapshots WHERE snapshots.build_id = env_builds.id OR snapshots.pausing_build_id = env_builds.id
  )
ORDER BY env_builds.created_at
LIMIT :limit!;
