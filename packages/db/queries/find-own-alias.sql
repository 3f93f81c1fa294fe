/* @name findOwnAlias */
SELECT env_aliases.env_id AS "envId"
FROM env_aliases JOIN active_envs ON active_envs.id = env_aliases.env_id
WHERE env_aliases.alias = :alias! AND env_aliases.namespace = :namespace! AND active_envs.team_id = :teamId!;
