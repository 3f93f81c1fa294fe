/* @name failForgottenBuilds */
UPDATE env_builds SET status = 'failed', reason = :reason!, finished_at = now(), updated_at = now()
WHERE status = 'waiting' AND made_by = 'template' AND created_at < now() - make_interval(secs => :afterSeconds!::double precision);
