/** Planned failures of the stack: each message is the one line a person reads. */
import { defineFaults } from "@sandlot/faults";

export const stackFaults = defineFaults("stack", {
  host_unfit: { kind: "precondition", say: (f: { problem: string }) => f.problem },
  port_taken: {
    kind: "precondition",
    say: (f: { port: number; what: string; flag: string }) =>
      `port ${f.port} (${f.what}) is in use by another program; choose another with ${f.flag} or all with --port-base`,
  },
  packages_failed: {
    kind: "unavailable",
    say: (f: { packages: string; output: string }) => `apt-get could not install ${f.packages}: ${f.output}`,
  },
  build_failed: { kind: "broken", say: (f: { recipe: string; output: string }) => `${f.recipe} failed: ${f.output}` },
  base_failed: {
    kind: "unavailable",
    say: (f: { output: string }) => `building the base template failed: ${f.output}`,
  },
  service_not_ready: {
    kind: "unavailable",
    say: (f: { service: string; why: string; log: string }) => `${f.service} ${f.why}; its log is ${f.log}`,
  },
  busy: {
    kind: "conflict",
    say: (f: { dataDir: string; pid: number }) =>
      `another sandlot command (pid ${f.pid}) is working on ${f.dataDir}; wait for it or end it`,
  },
  not_running: {
    kind: "precondition",
    say: (f: { dataDir: string }) => `nothing runs on ${f.dataDir}; start it with up`,
  },
  unreadable: { kind: "broken", say: (f: { path: string; why: string }) => `${f.path} cannot be used: ${f.why}` },
  residue_left: { kind: "broken", say: (f: { left: string }) => `could not remove everything; left are ${f.left}` },
  unit_foreign: {
    kind: "conflict",
    say: (f: { path: string }) => `${f.path} was made by somebody else and is left alone`,
  },
  setting_invalid: {
    kind: "invalid",
    say: (f: { flag: string; want: string; got: string }) => `${f.flag} must be ${f.want}, got ${f.got}`,
  },
  no_guest_kernel: {
    kind: "unavailable",
    say: (f: { runtime: string; why: string }) =>
      `--runtime ${f.runtime} needs a kernel for its guests, and none could be had: ${f.why}. A mirror of Debian in apt's sources has it; --runtime container needs none`,
  },
  running_otherwise: {
    kind: "conflict",
    say: (f: { dataDir: string; changed: string }) =>
      `the installation in ${f.dataDir} is up, and its settings cannot change meanwhile: ${f.changed}. "sandlot down" ends it and its sandboxes, then "up" takes them`,
  },
  runtime_unusable: {
    kind: "unavailable",
    say: (f: { runtime: string; problems: string }) =>
      `${f.runtime} does not work on this host: ${f.problems}. "sandlot doctor" says what it needs; --runtime container goes without`,
  },
  bake_failed: {
    kind: "broken",
    say: (f: { runtime: string; why: string }) => `the base template could not be made for ${f.runtime}: ${f.why}`,
  },
});
