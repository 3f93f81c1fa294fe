/* @name listSandboxLogsForward */
SELECT at, level, logger, message, fields
FROM sandbox_logs
WHERE sandbox_id = :sandboxId! AND team_id = :teamId! AND level >= :minLevel!
  AND at >= to_timestamp(:fromMs!::double precision / 1000) AND at <= to_timestamp(:toMs!::double precision / 1000)
  AND strpos(message, :search!) > 0
ORDER BY at ASC, source ASC, sequence ASC
LIMIT :limit!;
