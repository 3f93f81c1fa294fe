/* @name findTeamLimits */
SELECT
  max_vcpu AS "maxCpuCount!", max_ram_mb AS "maxMemoryMiB!", max_disk_mb AS "maxDiskMiB!",
  concurrent_template_builds AS "concurrentBuilds!"
FROM team_limits
WHERE team_id = :teamId!;
