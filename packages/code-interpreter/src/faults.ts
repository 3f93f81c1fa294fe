import { defineFaults } from "@sandlot/faults";

export const faults = defineFaults("code", {
  context_missing: { kind: "missing", say: (f: { id: string }) => `Context ${f.id} not found` },
  bad_request: { kind: "invalid", say: (f: { why: string }) => f.why },
  unknown_language: {
    kind: "invalid",
    say: (f: { language: string; known: readonly string[] }) =>
      `language '${f.language}' is not known; this sandbox runs ${f.known.join(", ")}`,
  },
  not_installed: {
    kind: "unsupported",
    say: (f: { language: string; program: string }) =>
      `there is no kernel for ${f.language} in this template: ${f.program} is not installed`,
  },
  unauthenticated: { kind: "unauthenticated", say: () => "the access token is missing or not this sandbox's" },
  kernel_failed: { kind: "broken", say: (f: { language: string; why: string }) => `the ${f.language} kernel ${f.why}` },
  too_many_contexts: { kind: "limited", say: (f: { limit: number }) => `no more than ${f.limit} contexts at a time` },
  bad_frame: { kind: "broken", say: (f: { why: string }) => `a kernel speaks its protocol wrongly: ${f.why}` },
});
