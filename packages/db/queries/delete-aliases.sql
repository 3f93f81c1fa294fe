/* @name deleteAliases */
DELETE FROM env_aliases WHERE env_id = :templateId!;
