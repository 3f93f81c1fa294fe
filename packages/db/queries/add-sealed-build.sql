/* @name addSealedBuild */
INSERT INTO env_builds (
  id, status, made_by, has_memory, vcpu, ram_mb, total_disk_size_mb, envd_version, cluster_node_id, held_until,
  runtimes, kernel_version
) VALUES (
  :buildId!, 'snapshotting', :madeBy!, :hasMemory!, :cpuCount!, :memoryMiB!, NULLIF(:diskMiB!::integer, 0), :envdVersion!, :nodeId!,
  now() + make_interval(secs => :holdS!::double precision),
  :runtimes!, NULLIF(:kernelVersion!::text, '')
);
