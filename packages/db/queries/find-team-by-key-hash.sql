/* @name findTeamByKeyHash */
SELECT
  team_api_keys.id AS "keyId", teams.id AS "teamId", teams.name, teams.slug, teams.is_banned AS "isBanned",
  teams.is_blocked AS "isBlocked", teams.blocked_reason AS "blockedReason",
  team_limits.concurrent_sandboxes AS "concurrentSandboxes!", team_limits.max_length_hours AS "maxLengthHours!"
FROM team_api_keys
JOIN teams ON teams.id = team_api_keys.team_id
JOIN team_limits ON team_limits.team_id = teams.id
WHERE team_api_keys.api_key_hash = :keyHash!;
