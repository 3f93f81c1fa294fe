/* @name dropOtherAliases */
DELETE FROM env_aliases
WHERE env_id = :templateId! AND is_renamable AND namespace IS NOT NULL AND alias <> :alias!;
