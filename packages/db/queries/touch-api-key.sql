/* @name touchApiKey */
UPDATE team_api_keys SET last_used = now() WHERE id = :keyId!;
