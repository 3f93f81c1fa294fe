/* @name listUnfinishedBuilds */
SELECT
  id AS "buildId", env_id AS "templateId!", team_id AS "teamId!", status, cluster_node_id AS "nodeId",
  created_at AS "createdAt", started_at AS "startedAt"
FROM env_builds
WHERE made_by = 'template' AND status IN ('waiting', 'building') AND env_id IS NOT NULL AND team_id IS NOT NULL
ORDER BY created_at;
