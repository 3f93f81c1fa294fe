/* @name putTeamMetrics */
INSERT INTO team_metrics AS held (team_id, at, concurrent_sandboxes, started_sandboxes)
SELECT team_id, to_timestamp(at_ms / 1000.0), concurrent_sandboxes, started_sandboxes
FROM jsonb_to_recordset(:rows!::jsonb) AS rows (
  team_id uuid, at_ms bigint, concurrent_sandboxes integer, started_sandboxes integer
)
-- Several replicas see the same sandboxes, and each its own starts.
ON CONFLICT (team_id, at) DO UPDATE SET
  concurrent_sandboxes = greatest(held.concurrent_sandboxes, excluded.concurrent_sandboxes),
  started_sandboxes = held.started_sandboxes + excluded.started_sandboxes;
