import { defineFaults } from "@sandlot/faults";

export const firecrackerFaults = defineFaults("firecracker", {
  bad_request: { kind: "invalid", say: (f: { what: string }) => `a machine cannot be started like this: ${f.what}` },
  exists: { kind: "exists", say: (f: { machineId: string }) => `machine ${f.machineId} exists already` },
  not_configured: {
    kind: "unavailable",
    say: (f: { what: string }) =>
      `no ${f.what} is configured: name its path or URL and its sha256 in the file that FIRECRACKER_VERSIONS_FILE points to`,
  },
  bad_versions: {
    kind: "invalid",
    say: (f: { path: string; reason: string }) => `the list of Firecracker versions at ${f.path} is wrong: ${f.reason}`,
  },
  not_fetched: {
    kind: "unavailable",
    say: (f: { from: string; reason: string }) => `cannot get ${f.from}: ${f.reason}`,
  },
  wrong_checksum: {
    kind: "precondition",
    say: (f: { from: string; wanted: string; found: string }) =>
      `${f.from} has the sha256 ${f.found} and not the configured ${f.wanted}`,
  },
  wrong_version: {
    kind: "precondition",
    say: (f: { wanted: string; found: string }) => `the binary configured as ${f.wanted} says it is ${f.found}`,
  },
  network: { kind: "broken", say: (f: { reason: string }) => `the network of the machine: ${f.reason}` },
  /** A bug of ours, or a version with other rules: nothing was sent. */
  not_allowed: {
    kind: "broken",
    say: (f: { request: string; wrongs: readonly string[] }) =>
      `${f.request} is against Firecracker's rules: ${f.wrongs.join("; ")}`,
  },
  refused: {
    kind: "broken",
    say: (f: { request: string; status: number; reason: string }) =>
      `Firecracker refused ${f.request} with ${f.status}: ${f.reason}`,
  },
  lost: {
    kind: "broken",
    say: (f: { request: string; reason: string }) => `Firecracker ended at ${f.request}: ${f.reason}`,
  },
  late: {
    kind: "timed_out",
    say: (f: { request: string; waitedMs: number }) => `Firecracker did not answer ${f.request} in ${f.waitedMs} ms`,
  },
  guest_failed: {
    kind: "broken",
    say: (f: { machineId: string; reason: string }) =>
      `the guest of machine ${f.machineId} did not come up: ${f.reason}`,
  },
  kill_stuck: {
    kind: "timed_out",
    say: (f: { machineId: string; waitedMs: number }) =>
      `machine ${f.machineId} was not gone ${f.waitedMs} ms after it was killed`,
  },
});
