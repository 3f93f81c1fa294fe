/* @name deleteBuild */
DELETE FROM env_builds WHERE id = :buildId! AND made_by <> 'template' RETURNING id;
