/* @name putBuildLog */
INSERT INTO build_log_entries (build_id, sequence, at, level, step, message)
SELECT :buildId!::uuid, rows.sequence, to_timestamp(rows.at_ms / 1000), rows.level, rows.step, rows.message
FROM unnest(
  :sequences!::integer[], :atMs!::double precision[], :levels!::smallint[], :steps!::text[], :messages!::text[]
) AS rows (sequence, at_ms, level, step, message)
ON CONFLICT (build_id, sequence) DO NOTHING;
