/* @name listBuildLogBackward */
SELECT at, level, step, message FROM build_log_entries
WHERE build_id = :buildId! AND level >= :minLevel! AND at < to_timestamp(:cursorMs!::double precision / 1000)
ORDER BY sequence DESC
LIMIT :limit!;
