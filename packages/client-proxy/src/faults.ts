import { defineFaults } from "@sandlot/faults";

export const clientProxyFaults = defineFaults("client_proxy", {
  overloaded: {
    kind: "unavailable",
    say: (f: { waitingCount: number }) => `${f.waitingCount} sandboxes are waiting to be looked up already`,
  },
});
