/* @name listAliases */
SELECT alias, namespace FROM env_aliases WHERE env_id = :templateId! ORDER BY alias, namespace;
