/* @name deleteTemplate */
UPDATE envs SET deleted_at = now(), updated_at = now() WHERE id = :templateId! AND deleted_at IS NULL RETURNING id;
