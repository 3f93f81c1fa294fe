/* @name findBuildByTag */
SELECT
  env_builds.id AS "buildId", env_builds.status_group AS "statusGroup!", env_builds.vcpu, env_builds.ram_mb AS "memoryMiB",
  env_builds.total_disk_size_mb AS "diskMiB", env_builds.envd_version AS "envdVersion",
  env_builds.runtimes AS "runtimes!"
FROM env_build_assignments
JOIN env_builds ON env_builds.id = env_build_assignments.build_id
WHERE env_build_assignments.env_id = :templateId! AND env_build_assignments.tag = :tag!
  AND env_builds.status_group = 'ready'
ORDER BY env_build_assignments.created_at DESC
LIMIT 1;
