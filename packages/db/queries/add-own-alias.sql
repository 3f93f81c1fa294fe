/* @name addOwnAlias */
INSERT INTO env_aliases (alias, namespace, env_id) VALUES (:alias!, :namespace!, :envId!);
