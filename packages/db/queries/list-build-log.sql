/* @name listBuildLog */
SELECT at, level, step, message FROM build_log_entries
WHERE build_id = :buildId! AND level >= :minLevel!
ORDER BY sequence
OFFSET :offset! LIMIT :limit!;
