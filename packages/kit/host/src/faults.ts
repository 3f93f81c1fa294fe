/** Planned failures of the host's own parts. */
import { defineFaults } from "@sandlot/faults";

export const hostFaults = defineFaults("host", {
  server_missing: {
    kind: "precondition",
    say: (f: { server: string; cure: string }) => `${f.server} is not installed on this host; ${f.cure}`,
  },
  server_not_ready: {
    kind: "unavailable",
    say: (f: { server: string; waitedMs: number; log: string }) =>
      `${f.server} did not answer within ${Math.round(f.waitedMs / 1000)} s; its log is ${f.log}`,
  },
  server_ended: {
    kind: "unavailable",
    say: (f: { server: string; log: string }) => `${f.server} ended as soon as it was started; its log is ${f.log}`,
  },
  directory_in_use: {
    kind: "unavailable",
    say: (f: { directory: string; pids: string }) =>
      `processes of an earlier server do not end and still work in ${f.directory}: ${f.pids}`,
  },
  directory_closed: {
    kind: "precondition",
    say: (f: { directory: string; user: string }) =>
      `the account ${f.user} cannot enter ${f.directory}; choose a data directory below folders that others may pass through`,
  },
  command_failed: {
    kind: "broken",
    say: (f: { command: string; exitCode: number; output: string }) =>
      `${f.command} failed with exit code ${f.exitCode}: ${f.output}`,
  },
});
