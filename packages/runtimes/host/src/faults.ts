import { defineFaults } from "@sandlot/faults";

/** How this host fails a machine, whatever its runtime. */
export const runtimeFaults = defineFaults("runtime", {
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
  freeze_stuck: {
    kind: "timed_out",
    say: (f: { machineId: string; waitedMs: number }) =>
      `machine ${f.machineId} was not still ${f.waitedMs} ms after it was frozen`,
  },
});
