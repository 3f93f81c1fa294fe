/* @name addSnapshotEnv */
INSERT INTO envs (id, team_id, source) VALUES (:envId!, :teamId!, :source!);
