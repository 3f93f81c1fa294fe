/* @name findTeamById */
SELECT
  teams.id AS "teamId", teams.name, teams.slug, teams.is_banned AS "isBanned",
  teams.is_blocked AS "isBlocked", teams.blocked_reason AS "blockedReason",
  team_limits.concurrent_sandboxes AS "concurrentSandboxes!", team_limits.max_length_hours AS "maxLengthHours!"
FROM teams
JOIN team_limits ON team_limits.team_id = teams.id
WHERE teams.id = :teamId!;
