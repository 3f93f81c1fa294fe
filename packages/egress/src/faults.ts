import { defineFaults } from "@sandlot/faults";

export const egressFaults = defineFaults("egress", {
  authority_unusable: {
    kind: "broken",
    say: (f: { path: string; why: string }) => `the egress authority at ${f.path} cannot be used: ${f.why}`,
  },
});
