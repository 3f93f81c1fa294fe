/** Planned failures of commands that speak with a running installation: each message is the line a person reads. */
import { defineFaults } from "@sandlot/faults";

export const cliFaults = defineFaults("cli", {
  api_silent: {
    kind: "unavailable",
    say: (f: { url: string; why: string }) => `the API at ${f.url} does not answer (${f.why}); is it up? see status`,
  },
  api_refused: { kind: "precondition", say: (f: { status: number; message: string }) => `${f.message} (${f.status})` },
  sandbox_missing: { kind: "missing", say: (f: { sandboxId: string }) => `there is no sandbox ${f.sandboxId}` },
  sandbox_silent: {
    kind: "unavailable",
    say: (f: { sandboxId: string; why: string }) => `sandbox ${f.sandboxId} did not do it: ${f.why}`,
  },
  no_terminal: {
    kind: "invalid",
    say: (_: { what: string }) => "shell needs a terminal; use sandbox exec for commands in scripts",
  },
  key_missing: { kind: "missing", say: (f: { name: string }) => `there is no key called or numbered ${f.name}` },
  key_ambiguous: {
    kind: "conflict",
    say: (f: { name: string; ids: string }) => `several keys are called ${f.name}; name one by its id: ${f.ids}`,
  },
  key_own: {
    kind: "conflict",
    say: (_: { id: string }) => "that is the installation's own key, which its commands use; it stays",
  },
  no_program: {
    kind: "precondition",
    say: (f: { program: string; why: string }) => `${f.program} is needed: ${f.why}`,
  },
  file_unreadable: { kind: "invalid", say: (f: { path: string; why: string }) => `${f.path} cannot be read: ${f.why}` },
  recipe_bad: { kind: "invalid", say: (f: { wanted: string; why: string }) => `${f.wanted}: ${f.why}` },
  build_failed: {
    kind: "precondition",
    say: (f: { step: string | undefined; message: string }) =>
      `the build failed${f.step === undefined ? "" : ` in step ${f.step}`}: ${f.message}`,
  },
  needs_name: { kind: "invalid", say: (f: { what: string }) => f.what },
  needs_yes: { kind: "invalid", say: (f: { what: string }) => `${f.what}; say --yes to do it` },
});
