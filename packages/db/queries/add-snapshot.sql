/* @name addSnapshot */
INSERT INTO snapshots (
  env_id, sandbox_id, base_env_id, team_id, state, pausing_build_id, execution_id, metadata, env_secure, origin_node_id,
  allow_internet_access, auto_pause, sandbox_started_at, config
) VALUES (
  :envId!, :sandboxId!, :baseEnvId!, :teamId!, 'pausing', :buildId!, :executionId!, :metadata!, :isSecure!, :nodeId!,
  :allowInternetAccess, :autoPause!, to_timestamp(:startedAtMs!::double precision / 1000), :config!
)
ON CONFLICT (sandbox_id) DO UPDATE SET
  state = 'pausing', pausing_build_id = excluded.pausing_build_id, execution_id = excluded.execution_id,
  metadata = excluded.metadata, env_secure = excluded.env_secure, origin_node_id = excluded.origin_node_id,
  allow_internet_access = excluded.allow_internet_access, auto_pause = excluded.auto_pause,
  sandbox_started_at = excluded.sandbox_started_at, config = excluded.config, updated_at = now();
