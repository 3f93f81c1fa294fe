import { defineFaults } from "@sandlot/faults";

export const containerFaults = defineFaults("container", {
  bad_request: { kind: "invalid", say: (f: { what: string }) => `a machine cannot be started like this: ${f.what}` },
  exists: { kind: "exists", say: (f: { machineId: string }) => `machine ${f.machineId} exists already` },
  launch_failed: {
    kind: "broken",
    say: (f: { machineId: string; stage: string; reason: string }) =>
      `machine ${f.machineId} failed to start at ${f.stage}: ${f.reason}`,
  },
  helper_failed: {
    kind: "broken",
    say: (f: { command: string; reason: string }) => `launcher ${f.command} failed: ${f.reason}`,
  },
  no_cgroups: { kind: "unavailable", say: (f: { missing: string }) => `this host has no cgroup for ${f.missing}` },
  ids_exhausted: { kind: "limited", say: (f: { ranges: number }) => `all ${f.ranges} id ranges are in use` },
  no_mkfs: { kind: "unavailable", say: (f: { reason: string }) => `mkfs.ext4 failed: ${f.reason}` },
  seal_stuck: {
    kind: "timed_out",
    say: (f: { machineId: string; waitedMs: number }) =>
      `machine ${f.machineId} is still being sealed by an earlier process after ${f.waitedMs} ms`,
  },
  freeze_stuck: {
    kind: "timed_out",
    say: (f: { machineId: string; waitedMs: number }) =>
      `machine ${f.machineId} was not still ${f.waitedMs} ms after it was frozen`,
  },
});
