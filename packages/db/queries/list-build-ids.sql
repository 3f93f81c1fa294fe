/* @name listBuildIds */
-- Builds of recipes that no other living template has; those of sandboxes are collected by themselves.
SELECT DISTINCT mine.build_id AS "buildId"
FROM env_build_assignments AS mine JOIN env_builds ON env_builds.id = mine.build_id
WHERE mine.env_id = :templateId! AND env_builds.made_by = 'template' AND NOT EXISTS (
  SELECT FROM env_build_assignments AS other JOIN active_envs AS envs ON envs.id = other.env_id
  WHERE other.build_id = mine.build_id AND other.env_id <> :templateId!
);
