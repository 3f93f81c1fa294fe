/* @name addTemplate */
INSERT INTO envs (id, team_id, public, created_by) VALUES (:templateId!, :teamId!, :isPublic!, :userId);
