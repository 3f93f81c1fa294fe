/** Faults about sandboxes and templates that more than one service answers with. Quoted texts are wire (behaviour §1). */
import { defineFaults } from "@sandlot/faults";

export const sandboxFaults = defineFaults("sandbox", {
  bad_id: { kind: "invalid", say: () => "Invalid sandbox ID" },
  missing: {
    kind: "missing",
    say: (f: { sandboxId: string }) => `Sandbox "${f.sandboxId}" doesn't exist or you don't have access to it`,
  },
  not_running: {
    kind: "conflict",
    say: (f: { sandboxId: string; doing: "paused" | "killed" | "snapshotted" | "resumed" }) =>
      `Sandbox "${f.sandboxId}" is being ${f.doing}`,
  },
  is_paused: { kind: "conflict", say: (f: { sandboxId: string }) => `Sandbox "${f.sandboxId}" is paused` },
  already_paused: {
    kind: "conflict",
    say: (f: { sandboxId: string }) => `Error pausing sandbox - sandbox '${f.sandboxId}' is already paused`,
  },
  already_running: { kind: "conflict", say: (f: { sandboxId: string }) => `Sandbox ${f.sandboxId} is already running` },
  wrong_state: {
    kind: "conflict",
    say: (f: { sandboxId: string; doing: "paused" | "forked" | "snapshotted"; state: string }) =>
      `Sandbox '${f.sandboxId}' cannot be ${f.doing} while in '${f.state}' state`,
  },
  paused_original: {
    kind: "conflict",
    say: (f: { sandboxId: string; doing: "forked" | "snapshotted" }) =>
      `Sandbox '${f.sandboxId}' is paused and cannot be ${f.doing}; resume it first`,
  },
  // client-proxy knows it by its text (behaviour §3.2).
  still_transitioning: {
    kind: "conflict",
    say: () => "The sandbox is still transitioning. Try again in a moment.",
  },
  not_auto_resumed: {
    kind: "missing",
    say: (f: { sandboxId: string }) => `sandbox ${f.sandboxId} is not woken by traffic`,
  },
  resume_denied: {
    kind: "forbidden",
    say: () => "This sandbox can't be resumed with the credentials provided. Check your access token and try again.",
  },
  start_in_flight: {
    kind: "conflict",
    say: (f: { sandboxId: string }) => `Sandbox '${f.sandboxId}' is being started already, with its memory`,
  },
  filesystem_boot_unconfirmed: {
    kind: "unavailable",
    say: () => "the node did not confirm that it booted from the disk alone",
  },
  // 400 and not 409: stock clients take a 409 of a pause for "it is paused already" and say nothing.
  memory_not_saved: {
    kind: "precondition",
    say: (f: { sandboxId: string; why: string }) =>
      `the memory of sandbox '${f.sandboxId}' cannot be saved: ${f.why}. It runs on as before; memory: false keeps its files without its processes`,
  },
  memory_unsupported: {
    kind: "precondition",
    say: (f: { why: string }) =>
      `sandboxes cannot be saved with their memory here: ${f.why}. Ask for memory: false (autoPauseMemory: false at creation) to keep files only, or have the operator run "sandlot doctor"`,
  },
  seal_failed: {
    kind: "unavailable",
    say: (f: { sandboxId: string; why: string }) => `sandbox '${f.sandboxId}' could not be saved and runs on: ${f.why}`,
  },
  seal_unknown: {
    kind: "unavailable",
    say: (f: { sandboxId: string }) =>
      `the node of sandbox '${f.sandboxId}' does not answer; whether it is saved will be found out when it does`,
  },
  unsettled: {
    kind: "unavailable",
    say: (f: { sandboxId: string }) => `where sandbox '${f.sandboxId}' is, is being found out: try again`,
  },
  bad_runtime: {
    kind: "invalid",
    say: (f: { runtime: string }) =>
      `metadata sandlot.runtime must be container, qemu or firecracker, got '${f.runtime}'`,
  },
  runtime_not_built: {
    kind: "precondition",
    say: (f: { wanted: string; built: string }) =>
      `the template's build cannot run on ${f.wanted}: it was made for ${f.built}. Build it again where ${f.wanted} is offered, or start it on ${f.built}`,
  },
  runtime_not_offered: {
    kind: "precondition",
    say: (f: { wanted: string; offered: string }) =>
      `no node offers ${f.wanted}: possible here is ${f.offered}. The operator chooses by "sandlot up --runtime"`,
  },
  fork_count_low: { kind: "invalid", say: () => "Count must be at least 1" },
  fork_count_high: { kind: "invalid", say: () => "Count cannot be greater than 100" },
  fork_count_over_limit: {
    kind: "invalid",
    say: (f: { limit: number }) => `Count must be lower than the maximum number of concurrent sandboxes (${f.limit})`,
  },
  envd_too_old: {
    kind: "invalid",
    say: (f: { version: string; wanted: string }) =>
      `envd ${f.version} of the sandbox cannot do this, it needs ${f.wanted}: re-build the template`,
  },
  limit_reached: {
    kind: "limited",
    say: (f: { limit: number }) =>
      `you have reached the maximum number of concurrent E2B sandboxes (${f.limit}). If you need more, please visit 'https://e2b.dev/docs/billing'`,
  },
  timeout_not_positive: { kind: "invalid", say: () => "Timeout must be greater than 0" },
  timeout_too_long: {
    kind: "invalid",
    say: (f: { maxHours: number }) => `Timeout cannot be greater than ${f.maxHours} hours`,
  },
  max_length_exceeded: { kind: "invalid", say: () => "Max instance length exceeded" },
  bad_env_var: {
    kind: "invalid",
    say: (f: { name: string; why: string }) => `invalid envVars entry '${f.name}': ${f.why}`,
  },
  placement_timeout: {
    kind: "timed_out",
    say: () => "Failed to place sandbox: no node started it in time",
  },
  capacity_unavailable: {
    kind: "unavailable",
    say: (f: { why: string }) => `Failed to place sandbox: ${f.why}`,
  },
  no_compatible_node: { kind: "unavailable", say: () => "Failed to place sandbox: no compatible node is ready" },
  create_failed: { kind: "broken", say: () => "Failed to place sandbox: the node could not start it" },
});

export const templateFaults = defineFaults("template", {
  bad_reference: { kind: "invalid", say: (f: { reference: string }) => `invalid template reference '${f.reference}'` },
  missing: { kind: "missing", say: (f: { reference: string }) => `template '${f.reference}' not found` },
  tag_missing: {
    kind: "missing",
    say: (f: { reference: string; tag: string }) => `tag '${f.tag}' does not exist for template '${f.reference}'`,
  },
  foreign: {
    kind: "forbidden",
    say: (f: { reference: string }) => `you don't have access to template '${f.reference}'`,
  },
  tag_in_filter: { kind: "invalid", say: () => "the template filter takes a template ID or alias, without a tag" },
});

export const requestFaults = defineFaults("request", {
  bad_next_token: { kind: "invalid", say: () => "Invalid next token" },
  bad_metadata_filter: { kind: "invalid", say: (f: { why: string }) => `invalid metadata filter: ${f.why}` },
  bad_range: { kind: "invalid", say: () => "start must not be after end" },
  node_token_wrong: { kind: "unauthenticated", say: () => "only the installation's nodes may ask this" },
  not_supported: { kind: "unsupported", say: (f: { what: string }) => `${f.what} is not supported yet` },
});

export const sshKeyFaults = defineFaults("ssh_key", {
  bad: { kind: "invalid", say: (f: { why: string }) => `publicKey: ${f.why}` },
  too_many: { kind: "limited", say: () => "the team has as many SSH keys as it may" },
  missing: { kind: "missing", say: (f: { keyId: string }) => `SSH key '${f.keyId}' not found` },
});

export const linkFaults = defineFaults("link", {
  needless: {
    kind: "invalid",
    say: (f: { url: string }) =>
      `the sandbox's ports are public: ${f.url} needs no link (create it with network.allowPublicTraffic: false)`,
  },
  of_envd: { kind: "invalid", say: () => "a link cannot open the port of the sandbox's own service" },
});
