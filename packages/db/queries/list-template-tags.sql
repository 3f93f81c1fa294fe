/* @name listTemplateTags */
SELECT DISTINCT ON (env_build_assignments.tag)
  env_build_assignments.tag, env_build_assignments.build_id AS "buildId", env_build_assignments.created_at AS "createdAt"
FROM env_build_assignments JOIN env_builds ON env_builds.id = env_build_assignments.build_id
WHERE env_build_assignments.env_id = :templateId! AND env_builds.status_group = 'ready'
ORDER BY env_build_assignments.tag, env_build_assignments.created_at DESC;
