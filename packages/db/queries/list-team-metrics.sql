/* @name listTeamMetrics */
SELECT
  min(at) AS "at!", max(concurrent_sandboxes) AS "concurrent!", sum(started_sandboxes)::integer AS "started!"
FROM team_metrics
WHERE team_id = :teamId! AND at >= to_timestamp(:fromMs!::double precision / 1000)
  AND at <= to_timestamp(:toMs!::double precision / 1000)
GROUP BY date_bin(make_interval(secs => :bucketS!::integer), at, 'epoch'::timestamptz)
ORDER BY 1
LIMIT :limit!;
