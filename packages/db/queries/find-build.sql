/* @name findBuild */
SELECT
  env_builds.id AS "buildId", env_builds.status, env_builds.status_group AS "statusGroup!", env_builds.reason,
  env_builds.vcpu, env_builds.ram_mb AS "memoryMiB", env_builds.total_disk_size_mb AS "diskMiB",
  env_builds.version, env_builds.start_cmd AS "startCmd", env_builds.ready_cmd AS "readyCmd",
  env_builds.cluster_node_id AS "nodeId", envs.id AS "templateId!", envs.team_id AS "teamId!", envs.runtimes AS "runtimes?"
FROM env_build_assignments
JOIN env_builds ON env_builds.id = env_build_assignments.build_id
JOIN active_envs AS envs ON envs.id = env_build_assignments.env_id
WHERE env_build_assignments.env_id = :templateId! AND env_builds.id = :buildId!
LIMIT 1;
