/* @name addSnapshotTemplate */
INSERT INTO snapshot_templates (env_id, sandbox_id) VALUES (:envId!, :sandboxId!);
