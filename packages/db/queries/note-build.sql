/* @name noteBuild */
UPDATE envs SET build_count = build_count + 1, updated_at = now() WHERE id = :templateId!;
