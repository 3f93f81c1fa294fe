/* @name findTemplate */
SELECT
  envs.id AS "templateId!", envs.team_id AS "teamId!", envs.public AS "isPublic!", envs.runtimes AS "runtimes?",
  COALESCE(found.alias, (
    SELECT alias FROM env_aliases WHERE env_aliases.env_id = envs.id ORDER BY created_at LIMIT 1
  )) AS "alias?"
-- Who is asked for, most specific first: the name in the given namespaces, the bare name, then the raw id.
FROM (
  SELECT env_id, alias, CASE WHEN namespace IS NULL THEN 2 ELSE 1 END AS rank
  FROM env_aliases
  WHERE alias = :name! AND (namespace = :namespace! OR (:includesBare!::boolean AND namespace IS NULL))
  UNION ALL
  SELECT id, NULL, 3 FROM envs WHERE id = :name! AND :includesBare!::boolean
) AS found
JOIN active_envs AS envs ON envs.id = found.env_id
-- What stands behind a paused sandbox is nobody's to start from.
WHERE envs.source <> 'snapshot'
ORDER BY found.rank
LIMIT 1;
