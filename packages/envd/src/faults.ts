/** Faults that several rooms of envd share. Texts are those of the wire contract, behaviour.md §2. */
import { defineFaults } from "@sandlot/faults";

export const faults = defineFaults("envd", {
  unauthorized: {
    kind: "unauthenticated",
    say: (_: Record<never, never>) =>
      "unauthorized access, please provide a valid access token or method signing if supported",
  },
  no_user: { kind: "unauthenticated", say: (_: Record<never, never>) => "no user specified" },
  unknown_user: { kind: "unauthenticated", say: (f: { user: string }) => `invalid username: '${f.user}'` },
  foreign_home: {
    kind: "invalid",
    say: (_: Record<never, never>) => "cannot expand user-specific home dir",
  },
  route_missing: { kind: "missing", say: (f: { route: string }) => `no such route: ${f.route}` },
  done_by_node: {
    kind: "unsupported",
    say: (f: { route: string }) => `${f.route} is not done inside the sandbox: the node does it from outside`,
  },
  bad_request: { kind: "invalid", say: (f: { problem: string }) => f.problem },
});
