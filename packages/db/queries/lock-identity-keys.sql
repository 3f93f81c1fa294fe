/* @name lockIdentityKeys */
SELECT pg_advisory_xact_lock(727405) IS NULL AS locked;
