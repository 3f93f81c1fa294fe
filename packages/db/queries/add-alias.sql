/* @name addAlias */
INSERT INTO env_aliases (alias, namespace, env_id, is_renamable)
VALUES (:alias!, :namespace, :templateId!, false)
ON CONFLICT ON CONSTRAINT env_aliases_name DO NOTHING;
