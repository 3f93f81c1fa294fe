/* @name findSandboxMetricsSpan */
SELECT min(at) AS "firstAt?", max(at) AS "lastAt?"
FROM sandbox_metrics
WHERE sandbox_id = :sandboxId! AND team_id = :teamId!;
