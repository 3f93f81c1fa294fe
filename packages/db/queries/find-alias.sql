/* @name findAlias */
SELECT env_aliases.env_id AS "templateId!", envs.team_id AS "teamId!", envs.source AS "source!"
FROM env_aliases JOIN active_envs AS envs ON envs.id = env_aliases.env_id
WHERE env_aliases.alias = :alias! AND env_aliases.namespace = :namespace!;
