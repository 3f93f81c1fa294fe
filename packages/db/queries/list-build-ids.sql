/* @name listBuildIds */
-- Builds that no other living template has.
SELECT DISTINCT mine.build_id AS "buildId"
FROM env_build_assignments AS mine
WHERE mine.env_id = :templateId! AND NOT EXISTS (
  SELECT FROM env_build_assignments AS other JOIN active_envs AS envs ON envs.id = other.env_id
  WHERE other.build_id = mine.build_id AND other.env_id <> :templateId!
);
