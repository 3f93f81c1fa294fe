/* @name countSpawn */
UPDATE envs SET spawn_count = spawn_count + 1, last_spawned_at = now() WHERE id = :templateId!;
