/* @name putSandboxLogs */
INSERT INTO sandbox_logs (sandbox_id, team_id, at, source, sequence, level, logger, message, fields)
SELECT sandbox_id, team_id, to_timestamp(at_ms / 1000.0), source, sequence, level, logger, message, fields
FROM jsonb_to_recordset(:rows!::jsonb) AS rows (
  sandbox_id text, team_id uuid, at_ms bigint, source uuid, sequence bigint, level smallint, logger text, message text,
  fields jsonb
)
ON CONFLICT DO NOTHING;
