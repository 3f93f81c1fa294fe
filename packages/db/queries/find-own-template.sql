/* @name findOwnTemplate */
SELECT
  envs.id AS "templateId", envs.team_id AS "teamId", envs.public AS "isPublic", envs.source,
  envs.deleted_at IS NOT NULL AS "isDeleted!"
FROM envs
WHERE envs.id = :templateId!;
