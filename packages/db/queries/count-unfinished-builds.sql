/* @name countUnfinishedBuilds */
SELECT count(*)::integer AS "count!"
FROM env_builds
WHERE team_id = :teamId! AND made_by = 'template' AND status IN ('waiting', 'building');
