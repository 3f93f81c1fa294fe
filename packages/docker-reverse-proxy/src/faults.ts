import { defineFaults } from "@sandlot/faults";

export const pushFaults = defineFaults("push", {
  bad_credentials: { kind: "invalid", say: () => "the credentials cannot be read" },
  refused: { kind: "forbidden", say: () => "invalid access token" },
  bad_scope: { kind: "invalid", say: (f: { scope: string }) => `invalid scope ${f.scope}` },
  no_deleting: { kind: "forbidden", say: () => "access denied: images are not deleted through here" },
  no_build: {
    kind: "forbidden",
    say: (f: { templateId: string }) =>
      `access denied: template ${f.templateId} has no build of yours that waits for an image`,
  },
  not_yours: { kind: "forbidden", say: () => "access denied" },
  upstream: { kind: "gone", say: (f: { why: string }) => `the registry behind cannot be reached: ${f.why}` },
});
