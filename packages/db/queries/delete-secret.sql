/* @name deleteSecret */
DELETE FROM secrets WHERE team_id = :teamId! AND (id = :idOrName! OR name = lower(:idOrName!)) RETURNING id;
