/* @name lockTeamBuilds */
SELECT id AS "teamId" FROM teams WHERE id = :teamId! FOR UPDATE;
