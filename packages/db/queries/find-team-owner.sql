/* @name findTeamOwner */
SELECT users.id AS "userId"
FROM users_teams JOIN users ON users.id = users_teams.user_id
WHERE users_teams.team_id = :teamId!
ORDER BY users_teams.created_at
LIMIT 1;
