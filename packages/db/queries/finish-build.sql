/* @name finishBuild */
UPDATE env_builds SET
  status = 'success', envd_version = :envdVersion!, disk_bytes = :diskBytes!, memory_bytes = :memoryBytes!,
  has_memory = :hasMemory!, runtimes = :runtimes!, kernel_version = NULLIF(:kernelVersion!::text, ''), finished_at = now(), updated_at = now()
WHERE id = :buildId! AND status = 'building'
RETURNING env_id AS "templateId";
