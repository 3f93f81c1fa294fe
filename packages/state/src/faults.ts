import { defineFaults } from "@sandlot/faults";

export const stateFaults = defineFaults("state", {
  unavailable: { kind: "unavailable", say: (_: { command: string }) => "the sandbox state store is not reachable" },
  contended: {
    kind: "unavailable",
    say: (f: { sandboxId: string }) => `sandbox ${f.sandboxId} is changed by too many at once`,
  },
});
