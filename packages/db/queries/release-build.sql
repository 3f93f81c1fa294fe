/* @name releaseBuild */
UPDATE env_builds SET held_until = NULL, updated_at = now() WHERE id = :buildId!;
