/* @name setBuildRuntimes */
UPDATE env_builds
SET runtimes = :runtimes!, kernel_version = NULLIF(:kernelVersion!::text, ''), updated_at = now()
WHERE id = :buildId!;
