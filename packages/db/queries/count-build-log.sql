/* @name countBuildLog */
SELECT COALESCE(max(sequence) + 1, 0)::integer AS "count!" FROM build_log_entries WHERE build_id = :buildId!;
