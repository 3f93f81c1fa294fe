/* @name listSnapshotTemplates */
SELECT
  snapshot_templates.env_id AS "envId", snapshot_templates.created_at AS "createdAt", newest.tag AS "tag!",
  named.alias AS "alias?", named.namespace AS "namespace?"
FROM snapshot_templates
JOIN active_envs ON active_envs.id = snapshot_templates.env_id
-- Under the tag asked for, else under the one that was set last.
JOIN LATERAL (
  SELECT env_build_assignments.tag
  FROM env_build_assignments JOIN env_builds ON env_builds.id = env_build_assignments.build_id
  WHERE env_build_assignments.env_id = snapshot_templates.env_id AND env_builds.status_group = 'ready'
    AND env_build_assignments.tag <> ''
    AND (:tag::text IS NULL OR env_build_assignments.tag = :tag)
  ORDER BY env_build_assignments.created_at DESC
  LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
  SELECT alias, namespace FROM env_aliases WHERE env_aliases.env_id = snapshot_templates.env_id
  ORDER BY created_at LIMIT 1
) AS named ON true
WHERE active_envs.team_id = :teamId!
  AND (:sandboxId::text IS NULL OR snapshot_templates.sandbox_id = :sandboxId)
  AND (:envId::text IS NULL OR snapshot_templates.env_id = :envId)
  AND (
    :afterMs::double precision IS NULL
    OR date_trunc('milliseconds', snapshot_templates.created_at) < to_timestamp(:afterMs / 1000)
    OR (
      date_trunc('milliseconds', snapshot_templates.created_at) = to_timestamp(:afterMs / 1000)
      AND snapshot_templates.env_id COLLATE "C" > :afterId
    )
  )
ORDER BY date_trunc('milliseconds', snapshot_templates.created_at) DESC, snapshot_templates.env_id COLLATE "C"
LIMIT :limit!;
