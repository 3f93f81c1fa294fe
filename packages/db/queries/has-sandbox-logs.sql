/* @name hasSandboxLogs */
SELECT EXISTS (SELECT FROM sandbox_logs WHERE sandbox_id = :sandboxId! AND team_id = :teamId!) AS "isThere!";
