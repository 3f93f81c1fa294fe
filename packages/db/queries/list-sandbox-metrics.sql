/* @name listSandboxMetrics */
SELECT
-- One row per bucket that has samples: the highest of each value, at the time of its first sample.
  min(at) AS "at!", max(cpu_count) AS "cpuCount!", max(cpu_used_pct) AS "cpuUsedPct!", max(mem_used) AS "memUsed!",
  max(mem_total) AS "memTotal!", max(mem_cache) AS "memCache!", max(disk_used) AS "diskUsed!", max(disk_total) AS "diskTotal!"
FROM sandbox_metrics
WHERE sandbox_id = :sandboxId! AND team_id = :teamId!
  AND at >= to_timestamp(:fromMs!::double precision / 1000) AND at <= to_timestamp(:toMs!::double precision / 1000)
GROUP BY date_bin(make_interval(secs => :bucketS!::integer), at, 'epoch'::timestamptz)
ORDER BY 1
LIMIT :limit!;
