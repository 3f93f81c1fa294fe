/* @name countBuildsOf */
UPDATE envs
SET updated_at = now(), build_count = (SELECT count(DISTINCT build_id) FROM env_build_assignments WHERE env_id = envs.id)
WHERE id = :templateId!;
