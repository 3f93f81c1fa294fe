/* @name claimAlias */
INSERT INTO env_aliases (alias, namespace, env_id)
VALUES (:alias!, :namespace, :templateId!)
ON CONFLICT ON CONSTRAINT env_aliases_name DO NOTHING
RETURNING env_id AS "templateId";
