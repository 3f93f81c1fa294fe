/* @name findBareAlias */
SELECT env_aliases.env_id AS "templateId", envs.team_id AS "teamId!"
FROM env_aliases JOIN active_envs AS envs ON envs.id = env_aliases.env_id
WHERE env_aliases.alias = :alias! AND env_aliases.namespace IS NULL;
