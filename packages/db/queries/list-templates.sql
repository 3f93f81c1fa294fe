/* @name listTemplates */
SELECT
-- A team's own templates that have a build, each with its newest default build.
  envs.id AS "templateId!", envs.public AS "isPublic!", envs.created_at AS "createdAt!", envs.updated_at AS "updatedAt!",
  envs.last_spawned_at AS "lastSpawnedAt", envs.spawn_count AS "spawnCount!", envs.build_count AS "buildCount!",
  creator.id AS "creatorId?", creator.email AS "creatorEmail?",
  newest.id AS "buildId!", newest.status_group AS "statusGroup!", newest.vcpu AS "vcpu!", newest.ram_mb AS "memoryMiB!",
  newest.total_disk_size_mb AS "diskMiB", newest.envd_version AS "envdVersion",
  COALESCE((
    SELECT jsonb_agg(jsonb_build_object('alias', alias, 'namespace', namespace) ORDER BY alias, namespace)
    FROM env_aliases WHERE env_aliases.env_id = envs.id
  ), '[]'::jsonb) AS "names!"
FROM active_envs AS envs
JOIN LATERAL (
  SELECT env_builds.*
  FROM env_build_assignments JOIN env_builds ON env_builds.id = env_build_assignments.build_id
  WHERE env_build_assignments.env_id = envs.id AND env_build_assignments.tag = 'default'
  ORDER BY env_build_assignments.created_at DESC
  LIMIT 1
) AS newest ON true
LEFT JOIN users AS creator ON creator.id = envs.created_by
WHERE envs.team_id = :teamId! AND envs.source = 'template'
ORDER BY envs.created_at DESC, envs.id;
