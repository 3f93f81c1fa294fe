/* @name listTemplateBuilds */
SELECT
  env_builds.id AS "buildId", env_builds.status_group AS "statusGroup!", env_builds.created_at AS "createdAt",
  env_builds.updated_at AS "updatedAt", env_builds.finished_at AS "finishedAt", env_builds.vcpu,
  env_builds.ram_mb AS "memoryMiB", env_builds.total_disk_size_mb AS "diskMiB", env_builds.envd_version AS "envdVersion"
FROM env_builds
WHERE env_builds.id IN (SELECT build_id FROM env_build_assignments WHERE env_id = :templateId!)
  AND (date_trunc('milliseconds', env_builds.created_at) < to_timestamp(:beforeMs!::double precision / 1000)
    OR (date_trunc('milliseconds', env_builds.created_at) = to_timestamp(:beforeMs!::double precision / 1000)
      AND env_builds.id > :afterId!::uuid))
ORDER BY date_trunc('milliseconds', env_builds.created_at) DESC, env_builds.id
LIMIT :limit!;
