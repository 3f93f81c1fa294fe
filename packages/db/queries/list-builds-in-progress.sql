/* @name listBuildsInProgress */
SELECT id AS "buildId", env_id AS "templateId!", cluster_node_id AS "nodeId", status
FROM env_builds
WHERE made_by = 'template' AND status IN ('waiting', 'building') AND env_id IS NOT NULL
  AND (team_id = :teamId OR env_id = :templateId);
