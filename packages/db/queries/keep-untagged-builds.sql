/* @name keepUntaggedBuilds */
-- A build stays the template's own when its last tag goes: the tag '' is nobody's to ask for.
INSERT INTO env_build_assignments (env_id, build_id, tag)
SELECT DISTINCT :templateId!, build_id, '' FROM env_build_assignments
WHERE env_id = :templateId! AND tag = ANY (:tags!)
  AND build_id NOT IN (
    SELECT build_id FROM env_build_assignments WHERE env_id = :templateId! AND NOT tag = ANY (:tags!)
  );
