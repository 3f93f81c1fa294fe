import { defineFaults } from "@sandlot/faults";

export const qemuFaults = defineFaults("qemu", {
  bad_request: { kind: "invalid", say: (f: { what: string }) => `a machine cannot be started like this: ${f.what}` },
  exists: { kind: "exists", say: (f: { machineId: string }) => `machine ${f.machineId} exists already` },
  no_program: { kind: "unavailable", say: (f: { path: string; reason: string }) => `${f.path}: ${f.reason}` },
  stopped_oddly: {
    kind: "broken",
    say: (f: { machineId: string; status: string }) => `machine ${f.machineId} was stopped by QEMU: ${f.status}`,
  },
  boot_slow: {
    kind: "timed_out",
    say: (f: { machineId: string; waitedMs: number }) =>
      `machine ${f.machineId} was not up ${f.waitedMs} ms after it was started`,
  },
  bad_disk: {
    kind: "precondition",
    say: (f: { name: string; reason: string }) => `disk ${f.name} cannot be used: ${f.reason}`,
  },
  monitor_silent: {
    kind: "timed_out",
    say: (f: { command: string; waitedMs: number }) => `QEMU did not answer ${f.command} in ${f.waitedMs} ms`,
  },
  monitor_gone: { kind: "gone", say: (f: { reason: string }) => `QEMU's monitor cannot be reached: ${f.reason}` },
  monitor_refused: {
    kind: "broken",
    say: (f: { command: string; reason: string }) => `QEMU could not do ${f.command}: ${f.reason}`,
  },
  monitor_garbled: { kind: "broken", say: (f: { reason: string }) => `QEMU's monitor speaks no sense: ${f.reason}` },
});
