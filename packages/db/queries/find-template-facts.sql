/* @name findTemplateFacts */
SELECT
  id AS "templateId!", team_id AS "teamId!", public AS "isPublic!", source AS "source!", created_at AS "createdAt!",
  updated_at AS "updatedAt!", last_spawned_at AS "lastSpawnedAt", spawn_count AS "spawnCount!", build_count AS "buildCount!"
FROM active_envs
WHERE id = :templateId!;
