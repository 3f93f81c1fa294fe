/** The api's own faults. Quoted texts are wire (behaviour §1.1, §1.2). */
import { defineFaults } from "@sandlot/faults";

export const apiFaults = defineFaults("api", {
  no_route: { kind: "missing", say: (f: { method: string; path: string }) => `no operation ${f.method} ${f.path}` },
  legacy_route: {
    kind: "invalid",
    say: () => "This endpoint is deprecated. Please update your SDK to the latest version.",
  },
  legacy_upload: {
    kind: "invalid",
    say: () => "Uploading templates this way is deprecated. Please update your CLI to the latest version.",
  },
  invalid: { kind: "invalid", say: (f: { problem: string }) => `validation error: ${f.problem}` },
  body_too_large: {
    kind: "too_large",
    say: (f: { limitBytes: number }) => `the body is larger than ${f.limitBytes} bytes`,
  },
  files_only_needs_pause: {
    kind: "invalid",
    say: () => "autoPauseMemory: false needs autoPause: true",
  },
  memory_less_auto_resume: {
    kind: "invalid",
    say: () =>
      "autoPauseMemory: false cannot be combined with autoResume: a sandbox without memory is not resumed by traffic",
  },
  insecure_envd: {
    kind: "invalid",
    say: (f: { version: string | undefined }) =>
      f.version === undefined
        ? "the template has no envd version: you need to re-build the template to use secured access"
        : `envd ${f.version} of the template is not compatible with secured access: re-build the template`,
  },
  foreign_namespace: {
    kind: "invalid",
    say: (f: { namespace: string; slug: string }) => `namespace '${f.namespace}' must match your team '${f.slug}'`,
  },
  uuid_tag: { kind: "invalid", say: () => "tag cannot be a UUID" },
  bad_tag: { kind: "invalid", say: (f: { tag: string }) => `invalid tag '${f.tag}'` },
  default_tag: { kind: "invalid", say: () => "the 'default' tag cannot be removed" },
  bad_size: { kind: "invalid", say: (f: { why: string }) => f.why },
  bad_hash: { kind: "invalid", say: () => "the hash must be 64 hex digits" },
  bad_sdk_version: { kind: "invalid", say: (f: { version: string }) => `'${f.version}' is no version of a client` },
  bad_build_id: { kind: "invalid", say: (f: { buildId: string }) => `Invalid build ID: ${f.buildId}` },
  build_missing: { kind: "invalid", say: (f: { buildId: string }) => `Build '${f.buildId}' not found` },
  build_not_waiting: { kind: "invalid", say: () => "build is not in waiting state" },
  build_not_started: { kind: "broken", say: (f: { why: string }) => `Error when starting template build: ${f.why}` },
  no_builder: { kind: "unavailable", say: () => "no node that builds templates is ready" },
  template_in_use: {
    kind: "invalid",
    say: (f: { templateId: string; how: "running" | "paused" }) =>
      `cannot delete template '${f.templateId}' because there are ${f.how} sandboxes using it`,
  },
  bad_upload_link: { kind: "forbidden", say: (f: { why: string }) => `the upload link is refused: ${f.why}` },
  bad_upload: { kind: "invalid", say: (f: { why: string }) => `the upload is refused: ${f.why}` },
  team_mismatch: { kind: "invalid", say: () => "Team ID param mismatch with the API key" },
  rules_not_in_force: {
    kind: "unavailable",
    say: (f: { nodeId: string }) => `the rules were noted, but node ${f.nodeId} has not put them in force: ask again`,
  },
  egress_log_away: {
    kind: "unavailable",
    say: (f: { nodeId: string }) => `the sandbox's node ${f.nodeId}, which keeps its egress log, does not answer`,
  },
  foreign_team: { kind: "forbidden", say: () => "You are not allowed to access this team" },
  ownerless_team: { kind: "conflict", say: () => "the team has no member that the token could belong to" },
  team_missing: { kind: "missing", say: (f: { teamId: string }) => `team '${f.teamId}' not found` },
  node_unreachable: {
    kind: "conflict",
    say: (f: { nodeId: string; status: string }) => `node ${f.nodeId} is ${f.status}: it cannot be told`,
  },
  node_status_fixed: {
    kind: "invalid",
    say: (f: { status: string }) => `a node becomes ${f.status} by itself and is not told to`,
  },
  node_silent: {
    kind: "unavailable",
    say: (f: { nodeId: string }) => `the sandbox's node ${f.nodeId} does not answer; it will be ended when it does`,
  },
});

const SENTENCES = {
  ApiKeyAuth: "Invalid API key, please visit https://e2b.dev/docs/api-key for more information.",
  AccessTokenAuth: "Invalid Access token, try to login again by running `e2b auth login`.",
  AuthProviderBearerAuth: "Invalid auth provider token.",
  AuthProviderTeamAuth: "Invalid auth provider token teamID.",
  AdminApiKeyAuth: "Invalid Access token.",
  AdminTeamAuth: "Invalid admin token teamID.",
} as const;

export type Scheme = keyof typeof SENTENCES;

export const authFaults = defineFaults("auth", {
  refused: {
    kind: "unauthenticated",
    say: (f: { scheme: Scheme; detail: string }) => `${SENTENCES[f.scheme]}\n${f.detail}`,
  },
  not_a_member: { kind: "forbidden", say: () => "You are not allowed to access this team" },
  no_team: { kind: "forbidden", say: () => "You don't have access to any teams" },
  banned: { kind: "forbidden", say: () => "team is banned" },
  blocked: {
    kind: "forbidden",
    say: (f: { reason: string | undefined }) => (f.reason ? `team is blocked: ${f.reason}` : "team is blocked"),
  },
});
