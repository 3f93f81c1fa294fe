/* @name addMember */
INSERT INTO users_teams (user_id, team_id, is_default)
VALUES (:userId!, :teamId!, true)
ON CONFLICT (user_id, team_id) DO NOTHING;
