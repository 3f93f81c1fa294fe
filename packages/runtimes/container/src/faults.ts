import { defineFaults } from "@sandlot/faults";

export const containerFaults = defineFaults("container", {
  bad_request: { kind: "invalid", say: (f: { what: string }) => `a machine cannot be started like this: ${f.what}` },
  exists: { kind: "exists", say: (f: { machineId: string }) => `machine ${f.machineId} exists already` },
  no_mkfs: { kind: "unavailable", say: (f: { reason: string }) => `mkfs.ext4 failed: ${f.reason}` },
  seal_stuck: {
    kind: "timed_out",
    say: (f: { machineId: string; waitedMs: number }) =>
      `machine ${f.machineId} is still being sealed by an earlier process after ${f.waitedMs} ms`,
  },
});
