/* @name addAssignment */
INSERT INTO env_build_assignments (env_id, build_id, tag)
VALUES (:templateId!, :buildId!, :tag!)
RETURNING created_at AS "createdAt";
