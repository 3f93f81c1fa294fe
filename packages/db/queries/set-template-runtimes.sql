/* @name setTemplateRuntimes */
UPDATE envs SET runtimes = :runtimes, updated_at = now() WHERE id = :templateId!;
