/* @name findTeamPeak */
SELECT at, CASE WHEN :byStarts!::boolean THEN started_sandboxes ELSE concurrent_sandboxes END AS "value!"
FROM team_metrics
WHERE team_id = :teamId! AND at >= to_timestamp(:fromMs!::double precision / 1000)
  AND at <= to_timestamp(:toMs!::double precision / 1000)
ORDER BY 2 DESC, 1
LIMIT 1;
