/** What ends a build. Every text is for the person who wrote the recipe: it becomes the build's reason. */
import { defineFaults } from "@sandlot/faults";

export const builderFaults = defineFaults("build", {
  unknown: { kind: "missing", say: (f: { buildId: string }) => `this builder knows no build '${f.buildId}'` },
  queue_full: {
    kind: "limited",
    say: (f: { waiting: number }) => `${f.waiting} builds wait already: try again when some of them are done`,
  },
  bad_request: { kind: "invalid", say: (f: { why: string }) => f.why },
  cancelled: { kind: "conflict", say: (f: { why: string }) => f.why },
  too_long: { kind: "timed_out", say: (f: { limitMs: number }) => `the build took longer than ${minutes(f.limitMs)}` },
  internal: {
    kind: "broken",
    say: () => "An internal error occurred. Please try again or contact support with the build ID.",
  },
  step_unknown: { kind: "invalid", say: (f: { type: string }) => `command type ${f.type} is not implemented` },
  step_arguments: { kind: "invalid", say: (f: { why: string }) => f.why },
  step_too_long: {
    kind: "timed_out",
    say: (f: { what: string; limitMs: number }) => `'${f.what}' took longer than ${minutes(f.limitMs)}`,
  },
  command_failed: {
    kind: "invalid",
    say: (f: { command: string; why: string; lastLines: readonly string[] }) =>
      [`failed to run command '${f.command}': ${f.why}`, ...f.lastLines].join("\n"),
  },
  user_failed: {
    kind: "invalid",
    say: (f: { user: string; why: string }) => `failed to make user '${f.user}': ${f.why}`,
  },
  workdir_failed: {
    kind: "invalid",
    say: (f: { path: string; why: string }) => `failed to make working directory '${f.path}': ${f.why}`,
  },
  env_failed: { kind: "invalid", say: (f: { why: string }) => `failed to work out the variables: ${f.why}` },
  copy_failed: {
    kind: "invalid",
    say: (f: { src: string; dest: string; why: string }) => `failed to copy '${f.src}' to '${f.dest}': ${f.why}`,
  },
  files_missing: {
    kind: "missing",
    say: (f: { src: string; hash: string }) => `the files of '${f.src}' (${f.hash}) have not been uploaded`,
  },
  runtime_missing: {
    kind: "precondition",
    say: (f: { wanted: string; possible: string }) =>
      `the template is to run on ${f.wanted}, and here it can be built for ${f.possible === "" ? "nothing" : f.possible}`,
  },
  base_missing: {
    kind: "missing",
    say: () => "error getting base template, you may need to rebuild it first",
  },
  start_failed: {
    kind: "invalid",
    say: (f: { why: string; lastLines: readonly string[] }) =>
      [`the start command ended before the template was ready: ${f.why}`, ...f.lastLines].join("\n"),
  },
  ready_timed_out: {
    kind: "timed_out",
    say: (f: { limitMs: number }) => `ready command timed out after ${minutes(f.limitMs)}`,
  },
  machine_ended: {
    kind: "broken",
    say: (f: { outOfMemory: boolean }) =>
      f.outOfMemory
        ? "the build's sandbox ran out of memory: give the template more (memoryMB)"
        : "the build's sandbox ended while it was building",
  },
  unsealable: {
    kind: "invalid",
    say: (f: { why: string }) => `the template cannot be saved while it runs: ${f.why}`,
  },
  configure_failed: {
    kind: "invalid",
    say: (f: { why: string }) => `the image cannot be made into a template: ${f.why}`,
  },
});

function minutes(ms: number): string {
  return ms < 60_000 ? `${Math.round(ms / 1000)}s` : `${Math.round(ms / 60_000)}m0s`;
}
