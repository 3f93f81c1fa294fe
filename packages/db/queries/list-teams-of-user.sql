/* @name listTeamsOfUser */
SELECT teams.id AS "teamId", teams.name, users_teams.is_default AS "isDefault"
FROM users_teams JOIN teams ON teams.id = users_teams.team_id
WHERE users_teams.user_id = :userId!
ORDER BY users_teams.is_default DESC, users_teams.created_at, teams.id;
