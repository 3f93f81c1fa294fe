/* @name putSandboxMetrics */
INSERT INTO sandbox_metrics (
  sandbox_id, team_id, at, cpu_count, cpu_used_pct, mem_used, mem_total, mem_cache, disk_used, disk_total
)
SELECT
  sandbox_id, team_id, to_timestamp(at_ms / 1000.0), cpu_count, cpu_used_pct, mem_used, mem_total, mem_cache, disk_used,
  disk_total
FROM jsonb_to_recordset(:rows!::jsonb) AS rows (
  sandbox_id text, team_id uuid, at_ms bigint, cpu_count integer, cpu_used_pct real, mem_used bigint, mem_total bigint,
  mem_cache bigint, disk_used bigint, disk_total bigint
)
ON CONFLICT DO NOTHING;
