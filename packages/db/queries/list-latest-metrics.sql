/* @name listLatestMetrics */
SELECT
  wanted.sandbox_id AS "sandboxId!", latest.at AS "at!", latest.cpu_count AS "cpuCount!", latest.cpu_used_pct AS "cpuUsedPct!",
  latest.mem_used AS "memUsed!", latest.mem_total AS "memTotal!", latest.mem_cache AS "memCache!",
  latest.disk_used AS "diskUsed!", latest.disk_total AS "diskTotal!"
FROM unnest(:sandboxIds!::text[]) AS wanted (sandbox_id)
JOIN LATERAL (
  SELECT * FROM sandbox_metrics
  WHERE sandbox_metrics.sandbox_id = wanted.sandbox_id AND sandbox_metrics.team_id = :teamId!
  ORDER BY at DESC LIMIT 1
) AS latest ON true;
