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
