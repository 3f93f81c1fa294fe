/* @name trimBuildLogs */
DELETE FROM build_log_entries WHERE at < now() - make_interval(days => :keepDays!::integer);
