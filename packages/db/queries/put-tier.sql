/* @name putTier */
INSERT INTO tiers (
  id, name, concurrent_sandboxes, max_length_hours, max_vcpu, max_ram_mb, max_disk_mb, concurrent_template_builds
) VALUES (
  :id!, :name!, :concurrentSandboxes!, :maxLengthHours!, :maxCpuCount!, :maxMemoryMiB!, :maxDiskMiB!, :concurrentBuilds!
)
ON CONFLICT (id) DO NOTHING;
