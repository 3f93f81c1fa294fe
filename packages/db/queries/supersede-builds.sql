/* @name supersedeBuilds */
UPDATE env_builds SET status = 'failed', reason = :reason!, finished_at = now(), updated_at = now()
WHERE status = 'waiting' AND made_by = 'template' AND id IN (
  SELECT build_id FROM env_build_assignments WHERE env_id = :templateId! AND tag = ANY (:tags!)
);
