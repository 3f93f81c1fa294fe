import { defineFaults } from "@sandlot/faults";

export const microvmFaults = defineFaults("microvm", {
  no_kernel: {
    kind: "unavailable",
    say: (f: { directory: string; reason: string }) => `no guest kernel in ${f.directory}: ${f.reason}`,
  },
  bad_kernel: {
    kind: "unavailable",
    say: (f: { path: string; reason: string }) => `${f.path} is no kernel that can be unpacked: ${f.reason}`,
  },
  bad_layer: {
    kind: "invalid",
    say: (f: { path: string; reason: string }) => `layer ${f.path} cannot be a disk's partition: ${f.reason}`,
  },
  disk_failed: { kind: "broken", say: (f: { command: string; reason: string }) => `${f.command} failed: ${f.reason}` },
  agent_silent: {
    kind: "timed_out",
    say: (f: { command: string; waitedMs: number }) =>
      `the guest's agent did not answer ${f.command} in ${f.waitedMs} ms`,
  },
  agent_gone: { kind: "gone", say: (f: { reason: string }) => `the guest's agent cannot be reached: ${f.reason}` },
  agent_refused: {
    kind: "broken",
    say: (f: { command: string; reason: string }) => `the guest's agent could not do ${f.command}: ${f.reason}`,
  },
  agent_garbled: { kind: "broken", say: (f: { reason: string }) => `the guest's agent speaks no sense: ${f.reason}` },
  memory_unreachable: {
    kind: "broken",
    say: (f: { pid: number; reason: string }) => `the memory of process ${f.pid} cannot be reached: ${f.reason}`,
  },
  diff_unreadable: {
    kind: "precondition",
    say: (f: { reason: string }) => `a file of changed pages cannot be used: ${f.reason}`,
  },
});
