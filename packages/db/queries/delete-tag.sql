/* @name deleteTag */
DELETE FROM env_build_assignments WHERE env_id = :templateId! AND tag = :tag! RETURNING id;
