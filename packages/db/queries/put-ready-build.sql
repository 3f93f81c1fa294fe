/* @name putReadyBuild */
INSERT INTO env_builds (id, status, vcpu, ram_mb, total_disk_size_mb, envd_version, finished_at)
VALUES (:buildId!, 'success', :cpuCount!, :memoryMiB!, :diskMiB!, :envdVersion!, now())
ON CONFLICT (id) DO UPDATE SET
  vcpu = excluded.vcpu, ram_mb = excluded.ram_mb, total_disk_size_mb = excluded.total_disk_size_mb,
  envd_version = excluded.envd_version, updated_at = now();
