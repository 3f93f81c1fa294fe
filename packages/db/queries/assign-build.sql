/* @name assignBuild */
INSERT INTO env_build_assignments (env_id, build_id, tag)
-- Points the tag at the build; nothing is added when it already does.
SELECT :templateId!, :buildId!, :tag!
WHERE :buildId! IS DISTINCT FROM (
  SELECT build_id FROM env_build_assignments
  WHERE env_id = :templateId! AND tag = :tag!
  ORDER BY created_at DESC LIMIT 1
);
