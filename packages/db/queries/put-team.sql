/* @name putTeam */
INSERT INTO teams (name, slug, tier, email)
VALUES (:name!, :slug!, :tier!, :email!)
ON CONFLICT (slug) DO UPDATE SET name = excluded.name
RETURNING id AS "teamId";
