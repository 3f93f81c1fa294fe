/* @name addBuild */
INSERT INTO env_builds (
  id, env_id, team_id, status, vcpu, ram_mb, total_disk_size_mb, version, dockerfile, start_cmd, ready_cmd
) VALUES (
  :buildId!, :templateId!, :teamId!, 'waiting', :cpuCount!, :memoryMiB!, :diskMiB!, :version, :dockerfile, :startCmd, :readyCmd
);
