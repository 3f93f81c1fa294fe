import { defineFaults } from "@sandlot/faults";

/** Everything the node plans to fail with; kinds decide the gRPC status. */
export const nodeFaults = defineFaults("node", {
  /** Wire text fixed by behaviour.md §4.1. */
  files_missing: {
    kind: "precondition",
    say: (f: { buildId: string }) => `sandbox files for '${f.buildId}' not found`,
  },
  build_broken: {
    kind: "broken",
    say: (f: { buildId: string; reason: string }) => `the record of build '${f.buildId}' cannot be read: ${f.reason}`,
  },
  /** Of a start and of a seal alike: what was sealed on one runtime cannot be started on another. */
  build_other_runtime: {
    kind: "precondition",
    say: (f: { buildId: string; runtime: string; possible: string }) =>
      `build '${f.buildId}' cannot run on ${f.runtime}, only on ${f.possible}`,
  },
  runtime_not_offered: {
    kind: "precondition",
    say: (f: { runtime: string; offered: string }) =>
      `this node starts no sandboxes on ${f.runtime}, only on ${f.offered}`,
  },
  runtime_unusable: {
    kind: "unavailable",
    say: (f: { runtime: string; problems: string }) => `runtime ${f.runtime} does not work on this host: ${f.problems}`,
  },
  already_runs: {
    kind: "conflict",
    say: (f: { what: string; pid: number }) => `another orchestrator (pid ${f.pid}) has the ${f.what} of this host`,
  },
  sandbox_missing: { kind: "missing", say: (f: { sandboxId: string }) => `sandbox '${f.sandboxId}' not found` },
  full: {
    kind: "limited",
    say: (f: { limit: number }) => `max number of running sandboxes on node reached (${f.limit})`,
  },
  disk_low: {
    kind: "limited",
    say: (f: { freeMiB: number; path: string }) =>
      `this node starts nothing more: only ${f.freeMiB} MiB are free on the disk of ${f.path}`,
  },
  disk_low_for_seal: {
    kind: "limited",
    say: (f: { freeMiB: number; wantedMiB: number; path: string }) =>
      `the sandbox cannot be saved now and runs on: it may take ${f.wantedMiB} MiB, and only ${f.freeMiB} MiB are free on the disk of ${f.path}`,
  },
  /** Not `timed_out`: the node itself does answer, and whoever asked must not take it for one that is silent. */
  not_frozen: {
    kind: "limited",
    say: (f: { reason: string }) => `its processes could not be stopped: ${f.reason}`,
  },
  layers_full: {
    kind: "precondition",
    say: (f: { layers: number }) =>
      `the sandbox cannot be saved and runs on: it lies on ${f.layers} layers, one for each time it was restored from the disk`,
  },
  no_memory_snapshots: {
    kind: "precondition",
    say: (f: { reason: string }) => `this node cannot save the memory of sandboxes: ${f.reason}`,
  },
  start_queue_full: {
    kind: "limited",
    say: (f: { waiting: number }) => `too many sandboxes are starting on this node (${f.waiting} waiting)`,
  },
  start_queue_slow: {
    kind: "limited",
    say: (f: { waitedMs: number }) => `no start slot became free within ${f.waitedMs} ms`,
  },
  start_too_slow: {
    kind: "timed_out",
    say: (f: { waitedMs: number }) => `the sandbox was not ready within ${f.waitedMs} ms`,
  },
  draining: { kind: "unavailable", say: (f: { nodeId: string }) => `node ${f.nodeId} takes no new sandboxes` },
  request_invalid: { kind: "invalid", say: (f: { problem: string }) => f.problem },
  killed_while_starting: {
    kind: "gone",
    say: (f: { sandboxId: string }) => `sandbox '${f.sandboxId}' was killed while it was starting`,
  },
  killed_while_pausing: {
    kind: "gone",
    say: (f: { sandboxId: string }) => `sandbox '${f.sandboxId}' was killed while it was being saved`,
  },
  seal_too_slow: {
    kind: "timed_out",
    say: (f: { waitedMs: number }) => `the sandbox was not saved within ${f.waitedMs} ms and runs on`,
  },
  identity_not_taken: {
    kind: "broken",
    say: (f: { sandboxId: string }) => `the restored guest did not take the identity of '${f.sandboxId}'`,
  },
  guest_silent: {
    kind: "broken",
    say: (f: { waitedMs: number }) => `the guest's daemon did not answer within ${f.waitedMs} ms`,
  },
  guest_ended: {
    kind: "broken",
    say: (f: { exitCode: number; outOfMemory: boolean }) =>
      `the machine ended while it was starting (exit code ${f.exitCode}${f.outOfMemory ? ", out of memory" : ""})`,
  },
  guest_refused_init: {
    kind: "broken",
    say: (f: { status: number; text: string }) => `the guest's daemon refused its identity: ${f.status} ${f.text}`,
  },
});
