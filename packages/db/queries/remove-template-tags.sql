/* @name removeTemplateTags */
DELETE FROM env_build_assignments WHERE env_id = :templateId! AND tag = ANY (:tags!) RETURNING tag;
