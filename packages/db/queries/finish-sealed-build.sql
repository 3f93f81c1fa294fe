/* @name finishSealedBuild */
UPDATE env_builds
SET status = 'success', disk_bytes = :diskBytes!, memory_bytes = :memoryBytes!, finished_at = now(), updated_at = now()
WHERE id = :buildId!;
